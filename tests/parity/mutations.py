"""Which bytes may a client send? Good requests as h11 writes them, spoilt in the ways that attackers and bugs spoil them."""

import re

import h11
from hypothesis import strategies as st

HOSTS = (b"alice.example.com", b"bob.example.com", b"ALICE.example.com:80", b"alice.example.com.")
TARGETS = (b"/", b"/a?b=c", b"/%0d%0aX:1", b"//x", b"http://alice.example.com/x", b"http://alice.example.com", b"*")
FIELDS = (
    (b"Accept", b"*/*"),
    (b"Cookie", b"a=b"),
    (b"Connection", b"keep-alive"),
    (b"Connection", b"close"),
    (b"Connection", b"X-A, Content-Length"),
    (b"X-A", b"1"),
    (b"TE", b"trailers"),
    (b"Expect", b"100-continue"),
    (b"Content_Length", b"7"),
    (b"X", b"\xe4\t\xff"),
)
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: alice.example.com\r\n\r\n"
LINES = (
    b"Content-Length: 0",
    b"Content-Length: 5",
    b"content-length:\t5 ",
    b"Content-Length: +5",
    b"Content-Length: 5, 5",
    b"Content-Length: 0x5",
    b"Content-Length: 99999999999999999999",
    b"Content-Length:",
    b"Content-Length : 5",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: Chunked ",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding:",
    b"Transfer_Encoding: chunked",
    b" folded: 1",
    b"\tTransfer-Encoding: chunked",
    b"X: a\rTransfer-Encoding: chunked",
    b"X: a\nTransfer-Encoding: chunked",
    b"X: a\x00b",
    b"Host: bob.example.com",
    b"Host : bob.example.com",
    b"Connection: x, Close",
    b"Connection: Transfer-Encoding",
    b"Upgrade: websocket",
    b"nonsense",
    b": empty",
    b"",
)
TARGETS_BAD = (
    b"http://bob.example.com/x",
    b"https://alice.example.com:443/x",
    b"http://alice.example.com@bob.example.com/",
    b"http:///x",
    b"/a b",
    b"/#f",
    b"x",
    b"",
    b"/\x0b",
    b"/\xff",
)
SNIPPETS = (
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n\n",
    b"\x00",
    b" ",
    b"\t",
    b"\x0b",
    b":",
    b",",
    b";a=b",
    b"0",
    b"\xa0",
)
CHUNK_SIZES = (b"%x;a=b", b'%x;a="\r\n"', b"0000%x", b"0x%x", b" %x", b"%x ", b"+%x", b"%x\n", b"%x;", b"-%x")
VERSIONS = (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.1 ", b"http/1.1", b"HTTP/1.10", b"")
_CHUNK_SIZE = re.compile(rb"(?<=\r\n)([0-9a-f]+)\r\n")
_LENGTH = re.compile(rb"(?i)(content-length: )(\d+)")


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One good request, as h11 writes it."""
    body = draw(st.sampled_from([(), (), (b"hello",), (b"abc", HIDDEN), (b"0\r\n\r\n", b"x" * 300)]))
    chunked = bool(body) and draw(st.booleans())
    framing = [(b"Transfer-Encoding", b"chunked")] if chunked else [(b"Content-Length", b"%d" % sum(map(len, body)))]
    method = draw(st.sampled_from([b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS"]))
    fields = draw(st.lists(st.sampled_from(FIELDS), max_size=3))
    target = draw(st.sampled_from(TARGETS))
    lines = draw(st.permutations([*(framing if body else []), *fields]))
    writer = h11.Connection(h11.CLIENT)
    head = h11.Request(method=method, target=target, headers=[(b"Host", draw(st.sampled_from(HOSTS))), *lines])
    pieces = [
        writer.send(head),
        *(writer.send(h11.Data(data=piece)) for piece in body),
        writer.send(h11.EndOfMessage()),
    ]
    return b"".join(piece or b"" for piece in pieces)


@st.composite
def wires(draw: st.DrawFn) -> tuple[bytes, ...]:
    """What goes over one connection, in pieces."""
    data = b"".join(draw(st.lists(requests(), min_size=1, max_size=2)))
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2, 3]))):
        data = draw(st.sampled_from(MUTATIONS))(data, draw)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    return tuple(data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if start < end)


# Each takes the bytes and `draw`.


def _insert(data: bytes, draw: st.DrawFn) -> bytes:
    place = draw(_places(data))
    return data[:place] + draw(st.sampled_from(SNIPPETS)) + data[place:]


def _delete(data: bytes, draw: st.DrawFn) -> bytes:
    place = draw(_places(data))
    return data[:place] + data[place + draw(st.integers(1, 3)) :]


def _replace(data: bytes, draw: st.DrawFn) -> bytes:
    place = draw(_places(data))
    return data[:place] + draw(st.binary(min_size=1, max_size=2)) + data[place + 1 :]


def _add_line(data: bytes, draw: st.DrawFn) -> bytes:
    first, _, rest = data.partition(b"\r\n")
    return first + b"\r\n" + draw(st.sampled_from(LINES)) + b"\r\n" + rest


def _double_line(data: bytes, draw: st.DrawFn) -> bytes:
    lines = data.split(b"\r\n")
    number = draw(st.integers(0, len(lines) - 1))
    return b"\r\n".join([*lines[:number], lines[number], *lines[number:]])


def _retarget(data: bytes, draw: st.DrawFn) -> bytes:
    method, _, rest = data.partition(b" ")
    return method + b" " + draw(st.sampled_from(TARGETS_BAD)) + b" " + rest.partition(b" ")[2]


def _change_version(data: bytes, draw: st.DrawFn) -> bytes:
    return data.replace(b"HTTP/1.1", draw(st.sampled_from(VERSIONS)), 1)


def _change_length(data: bytes, draw: st.DrawFn) -> bytes:
    number = draw(st.sampled_from([b"0", b"1", b"7", b"007", b"1_0", b"-1", b"", b"5;", b"400"]))
    return _LENGTH.sub(lambda found: found[1] + number, data, count=1)


def _change_chunk(data: bytes, draw: st.DrawFn) -> bytes:
    form = draw(st.sampled_from(CHUNK_SIZES))
    return _CHUNK_SIZE.sub(lambda found: form.replace(b"%x", found[1]) + b"\r\n", data, count=1)


def _bare_line_feeds(data: bytes, _: st.DrawFn) -> bytes:
    head, end, rest = data.partition(b"\r\n\r\n")
    return (head + end).replace(b"\r\n", b"\n") + rest


def _hide_request(data: bytes, _: st.DrawFn) -> bytes:
    return data + HIDDEN


def _places(data: bytes) -> st.SearchStrategy[int]:
    """Anywhere, and more often where lines, names and values begin or end."""
    edges = [found.start() + shift for found in re.finditer(rb"\r\n|[: ]", data) for shift in (0, 1, 2)]
    edges = [edge for edge in edges if edge < len(data)] or [0]
    return st.one_of(st.sampled_from(edges), st.integers(0, max(0, len(data) - 1)))


MUTATIONS = (
    _insert,
    _insert,
    _delete,
    _replace,
    _add_line,
    _add_line,
    _add_line,
    _double_line,
    _retarget,
    _change_version,
    _change_length,
    _change_chunk,
    _bare_line_feeds,
    _hide_request,
)
