"""Is what a CA objects to told whole, in plain words and as the right kind?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_client.errors import ErrorKind
from acme_client.problems import KINDS, Problem, kind_of, parse_problem, plain, tell

URN = "urn:ietf:params:acme:error:"
PART = {"type": f"{URN}dns", "detail": "gone", "identifier": {"type": "dns", "value": "b.test"}}

# fmt: off
TOLD = [
    pytest.param({"type": f"{URN}caa", "detail": "no"},                        "no (caa)",                            id="type and detail"),
    pytest.param({"type": f"{URN}caa"},                                        "caa",                                 id="only a type"),
    pytest.param({"detail": "no"},                                             "no",                                  id="only a detail"),
    pytest.param({"type": "about:blank", "title": "Forbidden"},                "Forbidden",                           id="only a title"),
    pytest.param({"type": f"{URN}compound", "detail": "both", "subproblems": [PART]}, "both (compound); b.test: gone (dns)", id="a part"),
    pytest.param({"type": f"{URN}compound", "subproblems": [PART, PART]},      "b.test: gone (dns); b.test: gone (dns)", id="only parts"),
    pytest.param({**PART, "detail": "b.test is gone"},                         "b.test is gone (dns)",                id="a detail that names the domain"),
    pytest.param({},                                                           "it did not say why",                  id="nothing"),
    pytest.param(["x"],                                                        "it did not say why",                  id="a list"),
    pytest.param({"type": 7, "detail": {}, "subproblems": "x", "identifier": []}, "it did not say why",               id="another form"),
    pytest.param({"detail": "a\x1b[31m\r\nb\u202e"},                            "a [31m  b",                           id="control characters"),
]
# fmt: on


@pytest.mark.parametrize(("document", "words"), TOLD)
def test_everything_that_was_said_is_told_on_one_line(document: object, words: str) -> None:
    assert tell(parse_problem(document)) == words


@pytest.mark.parametrize("code", KINDS)
def test_a_known_type_has_its_kind_also_as_a_part(code: str) -> None:
    part = Problem(code, "")
    assert kind_of(part, otherwise=ErrorKind.LOCKED) is KINDS[code]
    assert kind_of(Problem("compound", "", parts=(part,)), otherwise=ErrorKind.LOCKED) is KINDS[code]


@pytest.mark.parametrize("code", ["", "unauthorized", "somethingNew"])
def test_what_depends_on_the_question_is_left_to_the_caller(code: str) -> None:
    assert kind_of(Problem(code, ""), otherwise=ErrorKind.LOCKED) is ErrorKind.LOCKED


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["type", "detail", "title", "identifier", "subproblems", "value"]), inner)
        ),
        max_leaves=20,
    )
)
def test_no_document_is_too_odd(document: object) -> None:
    words = tell(parse_problem(document))
    assert words
    assert words.isprintable()


def test_a_long_text_is_cut() -> None:
    assert plain("x" * 1000, most=10) == "x" * 10 + "..."
