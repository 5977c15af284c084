"""The gateway: one brain that decides, and the ways through mitmproxy that carry."""
