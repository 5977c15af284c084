"""Does a worker understand what its supervisor left to it?"""

import os
import socket
from pathlib import Path

from launch.listeners import Listeners
from launch.ports import Wish
from mesh_gateway.proxy.sockets import Inheritance
from tests.rig.ports import LOOPBACK, free_port


def test_mitmdump_alone_inherits_nothing() -> None:
    alone = Inheritance.of({"PORT": "8080"})
    assert (alone.take(8080), alone.number, alone.folder, alone.pipe, alone.title) == ([], None, None, None, "")
    alone.tell("ready")


def test_what_the_supervisor_writes_is_read() -> None:
    wishes = [Wish("PORT", "", free_port()), Wish("ADMIN_PORT", LOOPBACK, free_port())]
    listeners = Listeners(lambda: wishes)
    listeners.open()
    estate = Inheritance.of({"GATEWAY_SOCKETS": str(listeners), "GATEWAY_WORKER": "3", "GATEWAY_FOLDER": "/run/x"})
    assert sorted(each for several in estate.sockets.values() for each in several) == sorted(listeners.descriptors)
    assert set(estate.sockets) == {wish.port for wish in wishes}
    assert (estate.number, estate.folder, estate.title) == ("3", Path("/run/x"), "worker 3: ")
    listeners.close()


def test_a_socket_is_taken_once_and_what_is_left_is_given_up() -> None:
    descriptors = [socket.socket().detach() for _ in range(3)]
    estate = Inheritance.of({"GATEWAY_SOCKETS": f"80={descriptors[0]}+{descriptors[1]},443={descriptors[2]}"})
    taken = estate.take(80)
    assert [each.fileno() for each in taken] == descriptors[:2]
    assert estate.take(80) == []
    estate.give_up()
    for each in taken:
        each.close()
    assert not any(is_open(descriptor) for descriptor in descriptors)


def test_words_are_lines_and_nobody_need_hear_them() -> None:
    ear, mouth = os.pipe()
    estate = Inheritance.of({"GATEWAY_TELL": str(mouth)})
    estate.tell("listening")
    estate.tell("ready")
    assert os.read(ear, 100) == b"listening\nready\n"
    os.close(ear)
    estate.tell("anything")
    os.close(mouth)


def is_open(descriptor: int) -> bool:
    return Path(f"/proc/self/fd/{descriptor}").exists()
