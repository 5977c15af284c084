"""Not written yet."""


class Http2Upstream:
    pass
