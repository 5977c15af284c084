"""Does a client want a page or JSON? The `Accept` field (RFC 9110 12.5.1)."""

import re

# Browsers send 150 bytes or so; a longer Accept is nobody's honest wish.
_ACCEPT_LENGTH = 1024
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# RFC 9110 12.5.1, one media range and its parameters; the list's commas and spaces (5.6.1) are taken before it.
_RANGE = re.compile(
    rf"[ \t,]*({_NAME})/({_NAME})((?:[ \t]*;[ \t]*{_NAME}=(?:{_NAME}|\"[^\"\\]*\"))*)[ \t]*(?:,[ \t,]*|$)"
)
_WEIGHT = re.compile(r";[ \t]*q=([^;\s]*)", re.IGNORECASE)
_QVALUE = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")  # RFC 9110 12.4.2


def prefers_html(accept: bytes | None) -> bool:
    """Whether the client likes text/html better than JSON; missing, malformed and a tie mean JSON."""
    if not accept or len(accept) > _ACCEPT_LENGTH:
        return False
    weights = _weights(accept.decode("latin-1"))
    return weights is not None and _weight_of("text", "html", weights) > _weight_of("application", "json", weights)


def _weights(accept: str) -> dict[tuple[str, str], float] | None:
    """(type, subtype) -> weight, None for a malformed field. Parameters do not make another kind of page."""
    weights: dict[tuple[str, str], float] = {}
    position = 0
    while position < len(accept):
        found = _RANGE.match(accept, position)
        if not found:
            return None
        kind, weight = (found[1].lower(), found[2].lower()), _weight(found[3])
        if weight is None or (kind[0] == "*" and kind[1] != "*"):
            return None
        weights[kind] = max(weight, weights.get(kind, 0.0))
        position = found.end()
    return weights


def _weight(parameters: str) -> float | None:
    found = _WEIGHT.search(parameters)
    if not found:
        return 1.0
    return float(found[1]) if _QVALUE.fullmatch(found[1]) else None


def _weight_of(kind: str, subtype: str, weights: dict[tuple[str, str], float]) -> float:
    """The most specific range decides (RFC 9110 12.5.1)."""
    for key in ((kind, subtype), (kind, "*"), ("*", "*")):
        if key in weights:
            return weights[key]
    return 0.0
