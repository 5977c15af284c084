"""Laws of how a log and its metrics are read."""

from tests.rig.gateway import bad_signs
from tests.rig.samples import parse_samples, total

TEXT = """# TYPE requests counter
requests_total{code="a",status="2xx"} 3.0
requests_total{code="b",status="2xx"} 4.0
"""


def test_a_traceback_in_a_log_is_seen() -> None:
    assert bad_signs("fine\nTraceback (most recent call last):\n") == ["Traceback (most recent call last):"]
    assert bad_signs("[1:2] mitmproxy has crashed!") == ["[1:2] mitmproxy has crashed!"]
    assert not bad_signs("route failed: connection refused")


def test_samples_add_up_over_labels() -> None:
    samples = parse_samples(TEXT)
    assert total(samples, "requests_total", status="2xx") == 7
    assert total(samples, "requests_total", code="b") == 4
    assert total(samples, "requests_total", code="c") == 0
