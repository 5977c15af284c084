"""The gateway's side of mitmproxy: listeners, TLS and the flow path."""
