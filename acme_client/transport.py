"""How does one request to a CA end in time, whatever the other side does? With bounds; every fault is an AcmeError."""

import io
import queue
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3

from acme_client.errors import AcmeError, ErrorKind
from acme_client.link import check_link
from acme_client.problems import plain
from acme_client.proofs import Clock, Wait

MOST_BYTES = 1 << 20
"""Of one answer: a long chain takes some 10 kB, an order of 100 names 30."""
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Line:
    """What it takes to reach a CA."""

    clock: Clock
    wait: Wait
    ca_file: Path | None = None
    """PEM that its https is verified against; None for the system's."""
    request_seconds: float = 45.0
    """For one request with its answer."""
    patience_seconds: float = 90.0
    """The Retry-After waits of one request together; what asks for more becomes an error that carries it."""
    monotonic: Callable[[], float] = time.monotonic
    is_laboratory: bool = False
    """Whether the directory itself is plain http on loopback, which no setting allows; see `check_link`."""


class Transport:
    """Requests without redirects: a POST would become a GET, and a signature holds for one URL (RFC 8555 6.4)."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._session = requests.Session()

    def send(self, method: str, url: str, headers: Mapping[str, str], data: str | None) -> requests.Response:
        """The answer with its body read; raises AcmeError (CA_UNREACHABLE, CA_UNAVAILABLE), also for a link that is not https.

        Sockets know a deadline for each read and none for the whole, so the whole is left to a thread that can be left
        behind; its reads end it soon after.
        """
        check_link(url, is_laboratory=self._line.is_laboratory)
        outcome: queue.SimpleQueue[requests.Response | Exception] = queue.SimpleQueue()
        session = self._session

        def run() -> None:
            try:
                outcome.put(self._carry(session, method, url, headers, data))
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError, AcmeError) as error:
                outcome.put(error)

        threading.Thread(target=run, daemon=True, name="request to the CA").start()
        try:
            result = outcome.get(timeout=self._line.request_seconds)
        except queue.Empty:
            self._session = requests.Session()  # the thread keeps the old one
            raise self._late(url) from None
        match result:
            case requests.Response():
                return result
            case AcmeError():
                raise result
            case error:
                raise self._translated(error, url) from error

    def close(self) -> None:
        self._session.close()

    def _carry(
        self, session: requests.Session, method: str, url: str, headers: Mapping[str, str], data: str | None
    ) -> requests.Response:
        end = time.monotonic() + self._line.request_seconds
        response = session.request(
            method,
            url,
            data=data,
            headers=headers,
            timeout=self._line.request_seconds,
            verify=str(self._line.ca_file) if self._line.ca_file else True,
            allow_redirects=False,
            stream=True,
        )
        body = bytearray()
        while piece := response.raw.read1(_PIECE, decode_content=True):
            body += piece
            if len(body) > MOST_BYTES:
                response.close()
                text = f"{host_of(url)} sent more than {MOST_BYTES} bytes in one answer"
                raise AcmeError(ErrorKind.CA_UNAVAILABLE, text)
            if time.monotonic() > end:
                response.close()
                raise self._late(url)
        response.raw.release_conn()
        response.raw = io.BytesIO(body)  # requests reads `content` from here
        return response

    def _translated(self, error: Exception, url: str) -> AcmeError:
        ca_file = self._line.ca_file
        if ca_file and not _vouches(ca_file):
            return _unreachable(url, f"ACME_CA_FILE holds '{ca_file}' but wants a file with certificates in PEM")
        match error:
            case requests.ConnectTimeout() | requests.ReadTimeout() | urllib3.exceptions.TimeoutError():
                return self._late(url)
            case requests.exceptions.SSLError():
                trust = f"ACME_CA_FILE ({ca_file})" if ca_file else "the system's certificates"
                reason = _certificate_fault(error)
                if reason is None:
                    return _unreachable(url, f"the TLS handshake failed: {_innermost(error)}")
                return _unreachable(url, f"its own certificate is not trusted by {trust}: {reason}")
            case requests.exceptions.ProxyError():
                return _unreachable(url, "the proxy of the environment (HTTPS_PROXY) does not let it through")
            case _:
                return _unreachable(url, _innermost(error))

    def _late(self, url: str) -> AcmeError:
        return _unreachable(url, f"no whole answer within {self._line.request_seconds:g} s")


def host_of(url: str) -> str:
    """What a message calls the CA."""
    return urlsplit(url).netloc.rpartition("@")[2] or plain(url)


def _unreachable(url: str, reason: str) -> AcmeError:
    return AcmeError(ErrorKind.CA_UNREACHABLE, f"{host_of(url)} cannot be reached: {reason}")


def _vouches(ca_file: Path) -> bool:
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError:  # ssl.SSLError is one
        return False
    return True


def _certificate_fault(error: Exception) -> str | None:
    """OpenSSL's words; None when something else than the certificate was wrong."""
    faults = (cause for cause in _causes(error) if isinstance(cause, ssl.SSLCertVerificationError))
    return next((plain(str(fault.verify_message)) for fault in faults), None)


def _innermost(error: Exception) -> str:
    *_, cause = _causes(error)
    words = cause.strerror if isinstance(cause, OSError) else None
    return plain(words or str(cause)) or type(cause).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps: requests and urllib3 put one into another, as `reason` or as an argument."""
    cause: BaseException | None = error
    for _ in range(10):
        if cause is None:
            return
        yield cause
        inner = (one for one in (getattr(cause, "reason", None), *cause.args) if isinstance(one, BaseException))
        cause = next(inner, None) or cause.__cause__
