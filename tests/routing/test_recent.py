"""What was said lately is remembered, and only that."""

from mesh_gateway.routing.recent import Recent


def test_the_last_few_are_remembered() -> None:
    recent: Recent[str, int] = Recent()
    for meaning, said in enumerate("abcd"):
        assert recent.get(said) is None
        recent.keep(said, meaning)
    assert [recent.get(said) for said in "abcd"] == [None, 1, 2, 3]
