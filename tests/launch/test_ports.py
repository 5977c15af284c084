"""Is a port that cannot be had named before the start, with what to do about it?"""

import socket
from collections.abc import Iterator

import pytest

from launch.ports import PortError, Wish, check, wishes
from mesh_gateway.settings import read_settings


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A listener of somebody else's."""
    with socket.create_server(("127.0.0.1", 0), reuse_port=False) as listener:
        yield listener


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize("address", ["127.0.0.1", ""], ids=["the same address", "every address"])
@pytest.mark.parametrize("shared", [True, False])
def test_a_taken_port_is_named_with_the_variable_that_changes_it(
    taken: socket.socket, address: str, shared: bool
) -> None:
    port = port_of(taken)
    with pytest.raises(PortError, match=rf"^port {port} is taken by another program: .*PORT=$"):
        check(Wish("PORT", address, port), shared=shared)


def test_a_free_port_is_free_and_stays_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = port_of(listener)
    check(Wish("PORT", "127.0.0.1", port))
    check(Wish("PORT", "127.0.0.1", port))


def test_a_listener_that_shares_hinders_only_those_who_do_not() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as listener:
        wish = Wish("PORT", "127.0.0.1", port_of(listener))
        check(wish, shared=True)
        with pytest.raises(PortError):
            check(wish, shared=False)


def test_a_foreign_address_is_named() -> None:
    # 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
    with pytest.raises(PortError, match=r"^cannot listen on 192\.0\.2\.1 port 8080 \(PORT\): Cannot assign"):
        check(Wish("PORT", "192.0.2.1", 8080))


def test_the_public_and_the_admin_port_are_wished_for() -> None:
    settings = {"server_domain": "example.com", "listen_address": "127.0.0.1", "port": "8080"}
    public, admin = Wish("PORT", "127.0.0.1", 8080), Wish("ADMIN_PORT", "127.0.0.1", 9180)
    assert wishes(read_settings(settings)) == (public, admin)
    assert wishes(read_settings({**settings, "admin_port": "off"})) == (public,)
