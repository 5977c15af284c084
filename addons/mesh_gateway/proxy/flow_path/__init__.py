"""mitmproxy's HTTP layers, subclassed where a flow meets its upstream."""
