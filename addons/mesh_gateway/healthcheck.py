"""Is the gateway on this machine well? `python -m mesh_gateway.healthcheck` ends with 0 when it is.

Nothing but the standard library, so that a container needs no other program for its health check.
"""

import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any

from mesh_gateway.settings import ROWS, SettingsError, defaults_from

TIMEOUT_SECONDS = 2.0

# A listener on every address is asked on the loopback one.
_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound


def own_address(environment: Mapping[str, str]) -> tuple[str, int]:
    """Where the gateway of these settings answers `/_health`: the admin listener, without one the public port."""
    texts = defaults_from(environment)

    # Row by row: the demo's container has no SERVER_DOMAIN, and is well all the same.
    def read(option: str) -> Any:
        return ROWS[option].read(texts[option])

    which, port = ("admin_address", read("admin_port")) if read("admin_port") else ("listen_address", read("port"))
    address = read(which)
    return _LOOPBACK.get(address, address), port


def complaint(host: str, port: int, timeout_seconds: float = TIMEOUT_SECONDS) -> str | None:
    """What is wrong with the gateway there; None when it is well."""
    connection = HTTPConnection(host, port, timeout=timeout_seconds)
    try:
        connection.request("GET", "/_health")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"no answer from {host} port {port}: {error or type(error).__name__}"
    finally:
        connection.close()
    return None if status == 200 else f"{host} port {port} answers with status {status}"  # noqa: PLR2004 - RFC 9110 15.3.1


def main(environment: Mapping[str, str]) -> int:
    """Exit status for the container engine, and one line on standard error when it is not 0."""
    try:
        wrong = complaint(*own_address(environment))
    except SettingsError as error:
        wrong = str(error)
    if wrong:
        sys.stderr.write(f"{wrong}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
