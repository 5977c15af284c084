"""How do two ends of TLS meet in memory?"""

import ssl

import trustme
from OpenSSL import SSL

from mesh_gateway.proxy.certificates.greeting import Greeting
from mesh_gateway.proxy.certificates.table import Certificates

PIECE = 1 << 16


class Fleet:
    """A greeting over a table that is swapped, and a client that remembers its sessions."""

    def __init__(self, table: Certificates) -> None:
        self.table = table
        self.seconds = 0.0
        self.greeting = Greeting(lambda name: self.table.select(name), lambda: self.seconds)  # noqa: PLW0108 - it is swapped


def shake_hands(context: SSL.Context, client: ssl.SSLContext, server_name: str) -> ssl.SSLObject:
    """The client's end of a finished handshake; raises what either side has against it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(incoming, outgoing, server_hostname=server_name)
    there = SSL.Connection(context)
    there.set_accept_state()
    for _ in range(4):
        try:
            here.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            done = False
        if sent := outgoing.read():
            there.bio_write(sent)
        try:
            there.do_handshake()
        except SSL.WantReadError:
            pass
        finally:
            _pump(there, incoming)
        if done:
            break
    return here


def _pump(source: SSL.Connection, sink: ssl.MemoryBIO) -> None:
    try:
        while True:
            sink.write(source.bio_read(PIECE))
    except SSL.WantReadError:
        pass


def trusting(ca: trustme.CA, *alpn: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context
