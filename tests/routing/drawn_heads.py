"""HTTP/1 request heads with few flaws, for hypothesis to draw: most are accepted, the others for a reason of their own."""

from hypothesis import strategies as st


def mostly(usual: list[bytes], strange: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """One of the usual, in nine draws of ten: heads with many flaws at once are refused for the first and show nothing."""
    return st.integers(0, 9).flatmap(lambda draw: st.sampled_from(usual) if draw else strange)


methods = mostly([b"GET", b"HEAD", b"POST", b"M-SEARCH"], st.sampled_from([b"get", b"G T", b"TRACE", b"", b"P\xd6ST"]))
targets = mostly(
    [b"/", b"//x", b"/%00?x=[]{}|", b"http://a.nsl.sh/x"],
    st.one_of(st.sampled_from([b"*", b"/a b", b""]), st.binary(max_size=12).map(lambda tail: b"/" + tail)),
)
versions = mostly([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"], st.sampled_from([b"HTTP/2.0", b"HTTP/1.1 ", b"HTTP/1.12"]))
hosts = mostly([b"Host: a.nsl.sh"], st.sampled_from([b"X: no host", b"host:", b"Host : a.nsl.sh", b"Host: a b"]))
framings = mostly(
    [
        b"X: none",
        b"Content-Length: 4",
        b"content-length:0",
        b"Transfer-Encoding: chunked",
        b"TRANSFER-ENCODING:\tChunked ",
    ],
    st.sampled_from(
        [
            b"Content-Length: +4",
            b"Content-Length: 4, 4",
            b"Content-Length: 0004",
            b"Content-Length: 18446744073709551617",
            b"Content_Length: 4",
            b"Content-Length : 4",
            b"Transfer-Encoding: gzip, chunked",
            b"Transfer-Encoding: chunked\r\nContent-Length: 4",
            b"Transfer-Encoding: \x0bchunked",
            b"X: y\nContent-Length: 4",
            b"X: y\rContent-Length: 4",
            b"Content-Length: 4\r\n 4",
        ]
    ),
)
lines = mostly(
    [b"Accept: */*", b"Cookie: a=b", b"X: \xe4\t\x80 ", b"Y:", b"al_ice:1"],
    st.one_of(st.binary(max_size=8), st.binary(max_size=4).map(lambda value: b"Z: " + value), framings),
)
ends = mostly([b"\r\n"], st.sampled_from([b"\r\n"] * 9 + [b"\n", b"\r", b"\r\n "]))


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    request_line = b" ".join((draw(methods), draw(targets), draw(versions)))
    chosen = draw(st.permutations([draw(hosts), draw(framings), *draw(st.lists(lines, max_size=3))]))
    return b"".join(line + draw(ends) for line in (request_line, *chosen)) + b"\r\n"
