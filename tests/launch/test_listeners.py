"""Do connections survive the worker that they were meant for?"""

import os
import socket
from collections.abc import Iterator

import pytest

from launch.listeners import Listeners
from launch.ports import PortError, Wish
from mesh_gateway.proxy.sockets import Inheritance
from tests.rig.ports import LOOPBACK, free_port


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def listeners(port: int) -> Iterator[Listeners]:
    bound = Listeners(lambda: [Wish("PORT", LOOPBACK, port)])
    bound.open()
    yield bound
    bound.close()


def heir(listeners: Listeners, port: int) -> socket.socket:
    """What a worker makes of what it inherits."""
    copies = {str(descriptor): str(os.dup(descriptor)) for descriptor in listeners.descriptors}
    name, _, descriptors = str(listeners).partition("=")
    left = "+".join(copies[descriptor] for descriptor in descriptors.split("+"))
    (taken,) = Inheritance.of({"GATEWAY_SOCKETS": f"{name}={left}"}).take(port)
    return taken


def call(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), timeout=2)


def test_until_a_worker_listens_connections_are_refused(listeners: Listeners, port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        call(port)


def test_what_one_worker_left_in_the_queue_the_next_one_takes(listeners: Listeners, port: int) -> None:
    first = heir(listeners, port)
    first.listen()
    with call(port) as waiting:
        waiting.sendall(b"hello")
        first.close()
        with heir(listeners, port) as second, second.accept()[0] as taken:
            assert taken.recv(5) == b"hello"


def test_given_up_they_refuse(listeners: Listeners, port: int) -> None:
    with heir(listeners, port) as worker:
        worker.listen()
        listeners.close()
        call(port).close()
    with pytest.raises(ConnectionRefusedError):
        call(port)


def test_they_can_be_had_again_and_a_second_time_is_none(listeners: Listeners) -> None:
    descriptors = listeners.descriptors
    listeners.open()
    assert listeners.descriptors == descriptors
    listeners.close()
    listeners.open()
    assert len(listeners.descriptors) == 1


def test_two_places_share_a_port(listeners: Listeners, port: int) -> None:
    other = Listeners(lambda: [Wish("PORT", LOOPBACK, port)])
    other.open()
    other.close()


def test_without_an_address_both_families_are_listened_on() -> None:
    everywhere = Listeners(lambda: [Wish("PORT", "", free_port())])
    everywhere.open()
    families = set()
    for descriptor in everywhere.descriptors:
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            families.add(copy.family)
    everywhere.close()
    assert socket.AF_INET in families
    assert (socket.AF_INET6 in families) == socket.has_dualstack_ipv6()


def test_a_port_of_somebody_elses_is_named() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        wish = Wish("PORT", LOOPBACK, taken.getsockname()[1])
        with pytest.raises(PortError, match=rf"^port {wish.port} is taken by another program"):
            Listeners(lambda: [wish]).open()
