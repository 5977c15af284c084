"""What becomes of a server name that is no ASCII, and is all other trouble shown as before?"""

import contextlib
import ssl
from pathlib import Path

import pytest
from OpenSSL import SSL

from mesh_gateway.proxy.certificates.contexts import bare_context
from mesh_gateway.proxy.certificates.greeting import Greeting
from mesh_gateway.proxy.certificates.unreadable import NamedObject, asked_name
from tests.proxy.certificates.bench import load
from tests.proxy.certificates.handshakes import PIECE, Fleet

UNREADABLE = (b"a\xff.example.com", b"\xc3\xa9.example.com", b"\x80")


def hello(server_name: bytes | None) -> bytes:
    """What a client begins with."""
    client = SSL.Connection(bare_context(), None)
    client.set_connect_state()
    if server_name is not None:
        client.set_tlsext_host_name(server_name)
    with contextlib.suppress(SSL.WantReadError):
        client.do_handshake()
    return client.bio_read(PIECE)


def greeted(greeting: Greeting, words: bytes) -> tuple[NamedObject, bytes, str]:
    """The fast path's end of a handshake that fails, what it answers, and how the handshake ends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(words)
    end = greeting.fast().wrap_bio(incoming, outgoing, server_side=True)
    assert isinstance(end, NamedObject)
    with pytest.raises(ssl.SSLError) as caught:
        end.do_handshake()
    return end, outgoing.read(), str(caught.value.reason)


@pytest.mark.parametrize("server_name", UNREADABLE)
def test_a_server_name_that_is_no_ascii_ends_with_an_alert_and_in_silence(
    store: Path, server_name: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", shown.append)
    end, sent, reason = greeted(Fleet(load(store)).greeting, hello(server_name))
    # One record: an alert (RFC 8446 5.1), fatal.
    assert (sent[0], sent[3:6], len(sent)) == (0x15, b"\x00\x02\x02", 7)
    assert reason == "CALLBACK_FAILED"
    assert shown == []
    assert end.sni == server_name.decode("ascii", "replace")


def test_a_name_that_cannot_be_read_is_no_later_clients(store: Path) -> None:
    greeting = Fleet(load(store)).greeting
    greeted(greeting, hello(UNREADABLE[0]))
    assert greeted(greeting, hello(b"evil.org"))[0].sni == "evil.org"
    assert greeted(greeting, hello(None))[0].sni is None
    assert greeted(greeting, b"GET / HTTP/1.1\r\n\r\n")[0].sni is None


ASKED = {b"evil.org": "evil.org", b"a\xff.example.com": "a\N{REPLACEMENT CHARACTER}.example.com", None: None}


@pytest.mark.parametrize("server_name", ASKED)
def test_the_flow_path_knows_a_name_that_mitmproxy_does_not_take_for_one(
    store: Path, server_name: bytes | None
) -> None:
    connection = Fleet(load(store)).greeting.flow(None)
    connection.bio_write(hello(server_name))
    with pytest.raises(SSL.Error):
        connection.do_handshake()
    assert asked_name(connection, None) == ASKED[server_name]
    assert asked_name(connection, "parsed.example.com") == "parsed.example.com"


def test_every_other_error_that_nobody_can_raise_is_shown_as_before(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda unraisable: shown.append(type(unraisable.exc_value)))
    for _ in range(2):
        Fleet(load(store))  # the filter is put in once, whoever else is made

    class Broken:
        def __del__(self) -> None:
            b"\xff".decode("ascii")

    def broken(_: str | None) -> None:
        raise KeyError

    Broken()
    greeted(Greeting(broken, lambda: 0.0), hello(b"example.com"))
    assert shown == [UnicodeDecodeError, KeyError]
