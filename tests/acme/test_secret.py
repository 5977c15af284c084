"""Is a secret found where it stands, and told of without being shown where it cannot be had?"""

from pathlib import Path

import pytest

from acme_client.secret import MOST_BYTES, SecretError, read_secret


def test_where_it_may_stand(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(" s3cr3t \n")
    assert read_secret({}, "TOKEN") == ""
    assert read_secret({"TOKEN": " s3cr3t ", "TOKEN_FILE": " "}, "TOKEN") == "s3cr3t"
    assert read_secret({"TOKEN_FILE": str(tmp_path / "token"), "TOKEN": ""}, "TOKEN") == "s3cr3t"


def test_both_are_refused_even_where_the_file_is_not_there() -> None:
    with pytest.raises(SecretError) as caught:
        read_secret({"TOKEN": "s3cr3t", "TOKEN_FILE": "/nope"}, "TOKEN")
    assert str(caught.value) == "TOKEN and TOKEN_FILE are both set but only one of them is wanted"


UNFIT = {
    "empty": (b" \n", "it is empty"),
    "no text": (b"s3cr3t\xff", "it is no text"),
    "too long": (b"s3cr3t" * MOST_BYTES, f"it has more than {MOST_BYTES} bytes"),
}


@pytest.mark.parametrize(("content", "reason"), UNFIT.values(), ids=UNFIT)
def test_a_file_that_cannot_be_one_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(SecretError) as caught:
        read_secret({"TOKEN_FILE": str(path)}, "TOKEN")
    assert str(caught.value) == f"TOKEN_FILE holds '{path}' but wants a file that can be read ({reason})"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"\(Is a directory\)$"):
        read_secret({"TOKEN_FILE": str(tmp_path)}, "TOKEN")
