"""Which text do Huffman-coded bytes stand for? (RFC 7541 5.2, appendix B)

A table takes eight bits in one step. It is made once, by joining two steps of one bit to one of two, and so on.
"""

from array import array
from collections.abc import Iterable, Sequence
from typing import Final

from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

Step = tuple[int, bytes]
"""The next state, and the text that the bits before it have completed. States are the inner nodes of the code's tree."""

_END_OF_STRING: Final = 256
_LONGEST_PADDING: Final = 7  # RFC 7541 5.2: more bits of it are an error, even where they are the right ones
_BROKEN: Final = -1


def decode(data: bytes) -> bytes | None:
    """The text; None where the bytes are no code of one (RFC 7541 5.2: a decoding error)."""
    state, parts = 0, []
    for byte in data:
        step = state << 8 | byte
        state = _STATES[step]
        if state < 0:
            return None
        parts.append(_TEXTS[step])
    return b"".join(parts) if state in _MAY_END else None


def _bit_steps() -> list[tuple[Step, Step]]:
    """For each inner node, what either bit leads to. The root is the first."""
    nodes: list[list[Step | None]] = [[None, None]]
    for symbol, (code, length) in enumerate(zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True)):
        node = 0
        for place in range(length - 1, 0, -1):
            bit = code >> place & 1
            if (step := nodes[node][bit]) is None:
                step = nodes[node][bit] = len(nodes), b""
                nodes.append([None, None])
            node = step[0]
        # RFC 7541 5.2: the end of string is never sent, its beginning is the padding
        nodes[node][code & 1] = (_BROKEN, b"") if symbol == _END_OF_STRING else (0, bytes([symbol]))
    broken = _BROKEN, b""
    return [(zero or broken, one or broken) for zero, one in nodes]


def _joined(rows: Sequence[Sequence[Step]]) -> list[list[Step]]:
    """Steps of twice as many bits."""
    broken = [(_BROKEN, b"")] * len(rows[0])
    return [
        [(then, text + more) for state, text in row for then, more in (rows[state] if state >= 0 else broken)]
        for row in rows
    ]


def _states_of_padding(steps: Sequence[Sequence[Step]]) -> frozenset[int]:
    """Where a string may end: the states that nothing but ones lead to, seven at most."""
    state, found = 0, {0}
    for _ in range(_LONGEST_PADDING):
        state = steps[state][1][0]
        found.add(state)
    return frozenset(found)


def _shared(texts: Iterable[bytes]) -> list[bytes]:
    """Equal texts as one object: there are few different ones, and the table has 65,536."""
    known: dict[bytes, bytes] = {}
    return [known.setdefault(text, text) for text in texts]


_MAY_END: Final = _states_of_padding(_bit_steps())
_STEPS = [step for row in _joined(_joined(_joined(_bit_steps()))) for step in row]
_STATES: Final = array("h", [state for state, _ in _STEPS])
"""By state and byte, the next state: less than 0 where the bytes are no code."""
_TEXTS: Final = _shared(text for _, text in _STEPS)
del _STEPS
