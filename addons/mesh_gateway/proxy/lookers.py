"""Does somebody want to see every request as a flow? Then all of them go the flow path."""

from mitmproxy import ctx
from mitmproxy.addonmanager import AddonManager
from mitmproxy.addons import script

# What mitmproxy calls per flow: a script that defines one of these wants to see them.
FLOW_HOOKS = (
    "requestheaders",
    "request",
    "responseheaders",
    "response",
    "error",
    "websocket_start",
    "websocket_message",
    "websocket_end",
    "tcp_start",
    "tcp_message",
    "tcp_end",
    "tcp_error",
    "http_connected",
)
# Options of mitmproxy's own addons that act on flows; each is off when it is empty.
FLOW_OPTIONS = (
    "save_stream_file",
    "hardump",
    "intercept",
    "modify_body",
    "modify_headers",
    "map_local",
    "block_list",
    "stickycookie",
    "stickyauth",
    "server_replay",
    "client_replay",
    "anticache",
    "anticomp",
    "dumper_filter",
)


def is_interface() -> bool:
    """Whether this is mitmweb or the console, which keep flows to show them."""
    return ctx.master.addons.get("view") is not None


def looks_on() -> bool:
    """Whether anything in the process acts on flows or keeps them. Asked for each new connection."""
    return (
        is_interface()
        or any(getattr(ctx.options, name, None) for name in FLOW_OPTIONS)
        or _has_script(ctx.master.addons)
    )


def _has_script(addons: AddonManager) -> bool:
    """Whether a script beside the gateway's has a hook that gets flows."""
    return any(
        hasattr(part, hook)
        for addon in addons.chain
        if isinstance(addon, script.ScriptLoader)
        for loaded in addon.addons
        for part in _parts(loaded)
        for hook in FLOW_HOOKS
    )


def _parts(loaded: script.Script) -> list[object]:
    """What a script brought along: its module, and the addons that it lists."""
    return [part for addon in loaded.addons for part in (addon, *getattr(addon, "addons", ()))]
