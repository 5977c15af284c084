"""How much, and how long, on either path? What both keep to lives here, so that they cannot drift apart."""

# So much of a request's body is kept at hand until the answer begins, for a repetition.
REPEATABLE_BODY = 65_536
# A refused request's body up to this length is read and thrown away, so that the connection lives on.
DISCARDABLE_BODY = 65_536
# What a client may still send after an answer that ended its connection, before the door is shut on it: closing on
# unread bytes would reset our last words away.
LINGER_BYTES = 524_288
LINGER_SECONDS = 2.0
# A peer that never reads its last bytes would hold them, and the socket, for ever.
LAST_BYTES_SECONDS = 120.0
# A chunk's size line or a trailer section longer than this is an attack; h11's reader would collect it for ever.
MAX_FRAMING_BYTES = 65_536
MAX_ANSWER_HEAD = 65_536

# HTTP/2: what may come before it was passed on.
STREAM_WINDOW = 524_288
CONNECTION_WINDOW = 4_194_304
DEFAULT_WINDOW = 65_535  # RFC 9113 6.9.2
MAX_FRAME = 16_384  # RFC 9113 4.2: what every peer may send, and ours may not send more
# A client that opens and resets streams makes work for nothing (CVE-2023-44487). Browsers reset a few dozen when a
# page is left; Envoy ends connections whose resets are more than half of 500 streams.
RESETS_ALLOWED = 100
# Frames that carry nothing cost as much as others (CVE-2019-9512, 9515, 9518). A client that measures round trips sends
# a few pings a second.
SMALL_TALK_ALLOWED = 1000
FLOOD_SECONDS = 10.0
"""The span that both are counted in."""
