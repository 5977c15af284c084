"""Laws of what waits: all of it goes out, in order, never more than the window, and the end comes last."""

import pytest
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes

from mesh_gateway.proxy.bounds import CONNECTION_WINDOW, DEFAULT_WINDOW, STREAM_WINDOW
from mesh_gateway.proxy.fast_path.http2_endpoint import Endpoint
from mesh_gateway.proxy.fast_path.http2_floods import Floods
from mesh_gateway.proxy.fast_path.http2_outflow import Outflow
from mesh_gateway.routing.head import Field
from tests.proxy.fast_path.http2_peer import LIMITS, MAX_LIST, NOW


class Pair:
    """The gateway's side and a client's, without a wire between them."""

    def __init__(self, window: int) -> None:
        self.server = Endpoint(LIMITS, MAX_LIST, Floods(MAX_LIST), lambda: NOW)
        self.client = H2Connection(H2Configuration(header_encoding=None))
        self.client.local_settings[SettingCodes.INITIAL_WINDOW_SIZE] = window
        self.client.local_settings.acknowledge()
        self.client.initiate_connection()
        self.client.send_headers(
            1, [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a")], True
        )
        self.tell_server()
        self.server.sender.send_answer(1, 200, [], end_stream=False)

    def tell_server(self) -> None:
        for _ in self.server.receive(self.client.data_to_send()):
            pass

    def received(self) -> list[events.Event]:
        return self.client.receive_data(self.server.sender.data_to_send())

    def open_window(self, size: int) -> None:
        self.client.increment_flow_control_window(size, 1)
        self.client.increment_flow_control_window(size)
        self.tell_server()


@pytest.mark.parametrize("trailers", [(), ((b"grpc-status", b"0"),)], ids=["no trailers", "trailers"])
@pytest.mark.parametrize("size", [0, 1, 16_384, 100_000])
def test_all_of_it_goes_out_and_then_the_end(size: int, trailers: tuple[Field, ...]) -> None:
    pair, body = Pair(window=1000), bytes(range(256)) * (size // 256 + 1)
    out, taken, ends = Outflow(pair.server.sender, 1), b"", 0
    out.waiting += body[:size]
    out.end(trailers)
    while True:
        while sent := out.send_frame():
            assert sent <= 16_384
        for event in pair.received():
            taken += event.data or b"" if isinstance(event, events.DataReceived) else b""
            ends += isinstance(event, events.StreamEnded)
        if out.is_done:
            break
        assert not ends
        pair.open_window(777)
    assert (taken, ends, bytes(out.waiting)) == (body[:size], 1, b"")


def test_a_window_that_shrank_below_nothing_is_shut() -> None:
    pair = Pair(window=1000)
    out = Outflow(pair.server.sender, 1)
    out.waiting += b"x" * 2000
    assert out.send_frame() == 1000
    pair.client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 10})
    pair.tell_server()
    assert out.send_frame() == 0
    pair.open_window(990)
    assert out.send_frame() == 0
    pair.open_window(1)
    assert out.send_frame() == 1


def test_what_the_gateway_tells_a_client_about_itself() -> None:
    told = Pair(window=1000).received()
    settings = next(event for event in told if isinstance(event, events.RemoteSettingsChanged)).changed_settings
    found = {code: setting.new_value for code, setting in settings.items()}
    assert found[SettingCodes.INITIAL_WINDOW_SIZE] == STREAM_WINDOW
    assert found[SettingCodes.MAX_CONCURRENT_STREAMS] == 100
    assert found[SettingCodes.MAX_HEADER_LIST_SIZE] == LIMITS.size + 32 * LIMITS.fields
    assert found[SettingCodes.ENABLE_CONNECT_PROTOCOL] == 1
    window = next(event for event in told if isinstance(event, events.WindowUpdated))
    assert (window.stream_id, window.delta) == (0, CONNECTION_WINDOW - DEFAULT_WINDOW)
