"""Does the gateway know which of mitmproxy's options would open it?"""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from mitmproxy.options import Options
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode

from mesh_gateway.proxy.options import DEAD_TARGET, SAFE, UNSAFE, Unsafe, complaint, complaint_of_running, listeners
from mesh_gateway.settings import Settings, read_settings

with warnings.catch_warnings():
    # One of mitmproxy's addons takes ldap3, which takes names of pyasn1 that are to go.
    warnings.simplefilter("ignore", DeprecationWarning)
    from mitmproxy.addons import default_addons
    from mitmproxy.test import taddons


@pytest.fixture
def mitmproxy_options() -> Iterator[Options]:
    """All that mitmproxy's own addons declare, at their defaults."""
    with taddons.context(loadcore=False) as context:
        context.master._legacy_log_events.uninstall()
        for addon in default_addons():
            context.master.addons.register(addon)
        yield context.options


def test_mitmproxys_defaults_are_no_reason_to_complain(mitmproxy_options: Options) -> None:
    assert complaint(mitmproxy_options) is None


WRONG: dict[str, Any] = {
    "mode": ["reverse:http://example.org"],
    "listen_host": "127.0.0.1",
    "listen_port": 8081,
    "validate_inbound_headers": False,
    "ssl_insecure": True,
    "stream_large_bodies": "1m",
    "body_size_limit": "1m",
    "store_streamed_bodies": True,
    "certs": ["*=cert.pem"],
    "proxyauth": "any",
    "ignore_hosts": [".*"],
    "allow_hosts": [".*"],
    "tcp_hosts": [".*"],
    "udp_hosts": [".*"],
    "client_certs": "client.pem",
    "add_upstream_certs_to_client_chain": True,
    "map_remote": ["|.*|http://example.org/"],
}


def test_there_is_a_wrong_value_for_every_rule() -> None:
    assert set(WRONG) == {rule.option for rule in UNSAFE}


@pytest.mark.parametrize("rule", UNSAFE, ids=lambda rule: rule.option)
def test_an_unsafe_option_is_named_with_its_value_and_the_reason(mitmproxy_options: Options, rule: Unsafe) -> None:
    # Past the addons that would act on it: a bad certificate file is theirs to refuse.
    mitmproxy_options._options[rule.option].set(WRONG[rule.option])
    said = complaint(mitmproxy_options)
    assert said == f"unsafe option {rule.option}={WRONG[rule.option]!r}: {rule.why}"
    assert "\n" not in said


def test_the_gateways_own_modes_are_no_reason_to_complain(mitmproxy_options: Options) -> None:
    mitmproxy_options.update(mode=[f"{DEAD_TARGET}@8080", f"{DEAD_TARGET}@127.0.0.1:9180"])
    assert complaint(mitmproxy_options) is None
    mitmproxy_options.update(mode=[f"{DEAD_TARGET}@8080", "regular@8081"])
    assert complaint(mitmproxy_options)


def test_every_safe_option_exists_and_takes_its_value(mitmproxy_options: Options) -> None:
    mitmproxy_options.update(**SAFE)
    assert {name: getattr(mitmproxy_options, name) for name in SAFE} == dict(SAFE)


# Listeners.


def settings(**texts: str) -> Settings:
    return read_settings({"server_domain": "example.com", **texts})


LISTENERS: dict[str, tuple[dict[str, str], bool, list[tuple[str, int]]]] = {
    "all": ({}, True, [("", 80), ("", 443), ("127.0.0.1", 9180)]),
    "without a certificate": ({}, False, [("", 80), ("127.0.0.1", 9180)]),
    "no tls": ({"ssl_port": "off"}, True, [("", 80), ("127.0.0.1", 9180)]),
    "no admin": ({"admin_port": "off"}, True, [("", 80), ("", 443)]),
    "one address": (
        {"listen_address": "192.0.2.1", "admin_address": "192.0.2.2"},
        True,
        [("192.0.2.1", 80), ("192.0.2.1", 443), ("192.0.2.2", 9180)],
    ),
    "v6": ({"listen_address": "::1", "admin_address": "::1"}, False, [("::1", 80), ("::1", 9180)]),
}


@pytest.mark.parametrize("name", LISTENERS)
def test_mitmproxy_reads_each_listener_as_it_is_meant(name: str) -> None:
    texts, has_certificate, expected = LISTENERS[name]
    modes = [ProxyMode.parse(text) for text in listeners(settings(**texts), has_certificate=has_certificate)]
    assert [(mode.listen_host(""), mode.listen_port()) for mode in modes] == expected


def test_all_listeners_lead_to_a_port_where_nobody_is() -> None:
    for text in listeners(settings(), has_certificate=True):
        mode = ProxyMode.parse(text)
        assert isinstance(mode, ReverseMode)
        assert (mode.scheme, mode.address) == ("http", ("127.0.0.1", 1))


RUNNING = [f"{DEAD_TARGET}@8080"]


@pytest.mark.parametrize("option", SAFE)
def test_a_running_gateway_holds_what_an_edge_must_have(mitmproxy_options: Options, option: str) -> None:
    mitmproxy_options.update(**SAFE, mode=RUNNING)
    assert complaint_of_running(mitmproxy_options, RUNNING) is None
    mitmproxy_options.update(**{option: "eager" if option == "connection_strategy" else not SAFE[option]})
    assert option in (complaint_of_running(mitmproxy_options, RUNNING) or "")


@pytest.mark.parametrize("modes", [["regular"], [f"{DEAD_TARGET}@8081"], []], ids=str)
def test_a_running_gateway_keeps_its_ports(mitmproxy_options: Options, modes: list[str]) -> None:
    mitmproxy_options.update(**SAFE, mode=modes)
    assert "mode" in (complaint_of_running(mitmproxy_options, RUNNING) or "")
