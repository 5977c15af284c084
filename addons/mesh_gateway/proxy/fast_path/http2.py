"""Not written yet."""


class Http2Client:
    pass
