"""Pure decisions about a request: no I/O, no clock, no mitmproxy (a test holds this ring)."""
