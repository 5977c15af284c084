"""How is a CA spoken to, and what becomes of refusals? What acme's ClientNetwork has not: more than one new try after
badNonce, Retry-After, bounds; every fault is an AcmeError."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, override

import acme.client
import acme.errors
import josepy.errors
import josepy.jwa
import josepy.jwk
import requests

from acme_client.errors import AcmeError, ErrorKind
from acme_client.problems import Problem, kind_of, parse_problem, plain, tell
from acme_client.retry_after import parse_retry_after
from acme_client.transport import Line, Transport, host_of

logger = logging.getLogger(__name__)

MOST_NONCES = 32
"""Tries of one request whose nonces are refused; with 60 % refused, one request in ten million is given up."""
MOST_TURNS = 5
"""Times that one request waits as Retry-After asks."""
USER_AGENT = "mesh-router-gateway acme_client"


class RefusedError(AcmeError):
    """The CA answered with an error. `code` is its problem type (RFC 8555 6.7), empty when there is none."""

    def __init__(self, kind: ErrorKind, message: str, code: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(kind, message, retry_after=retry_after)
        self.code = code


class Network(acme.client.ClientNetwork):
    """One account key's requests to one CA, or unsigned ones when there is no key. Every failure is an AcmeError."""

    def __init__(self, line: Line, key: josepy.jwk.JWK | None = None) -> None:
        super().__init__(key, alg=signature_of(key) if key else josepy.jwa.ES256, user_agent=USER_AGENT)
        self.line = line
        self._transport = Transport(line)

    @override
    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Signs and sends. A refused nonce is followed by another try, at most MOST_NONCES in all (RFC 8555 6.5)."""
        return self._in_turn(lambda: self._post_with_good_nonce(*args, **kwargs))

    @override
    def get(self, url: str, content_type: str = "application/json", **kwargs: Any) -> requests.Response:
        return self._in_turn(lambda: super(Network, self).get(url, content_type, **kwargs))

    def _post_with_good_nonce(self, *args: Any, **kwargs: Any) -> requests.Response:
        for _ in range(MOST_NONCES - 1):
            try:
                return self._post_once(*args, **kwargs)
            except RefusedError as refusal:
                if refusal.code != "badNonce":
                    raise
        return self._post_once(*args, **kwargs)

    def _in_turn(self, act: Callable[[], requests.Response]) -> requests.Response:
        """Waits as a 429 or 503 asks, and tries again, as long as that is short (RFC 8555 6.6)."""
        patience = self.line.patience_seconds
        for _ in range(MOST_TURNS):
            try:
                return act()
            except RefusedError as refusal:
                if refusal.retry_after is None:
                    raise
                seconds = max(refusal.retry_after.total_seconds(), 1.0)
                if seconds > patience:
                    raise
                patience -= seconds
                logger.info("%s; waiting %.0f s", refusal, seconds)
                self.line.wait(seconds)
        return act()

    @override
    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        headers = {"User-Agent": self.user_agent, "Accept-Language": "en", **kwargs.get("headers", {})}
        response = self._transport.send(method, url, headers, kwargs.get("data"))
        response.encoding = "utf-8"
        if not response.ok and method == "POST":
            # The nonce that comes with an error is good for the next try; older ones may have died of age.
            self._nonces.clear()
            if self.REPLAY_NONCE_HEADER in response.headers:
                self._add_nonce(response)
        if not response.ok or response.is_redirect:
            raise self._refusal(response, url)
        return response

    def _refusal(self, response: requests.Response, url: str) -> RefusedError:
        problem, status = _problem(response), response.status_code
        kind = kind_of(problem, otherwise=_kind_by_status(status, problem.code))
        said = tell(problem) if problem.code or problem.detail or problem.parts else _without_problem(response)
        retry_after = None
        if kind is ErrorKind.RATE_LIMITED or status == 503:  # noqa: PLR2004 - RFC 9110 15.6.4
            retry_after = parse_retry_after(response.headers.get("Retry-After"), self.line.clock())
        if retry_after is not None:
            said += f" (asks to wait until {self.line.clock() + retry_after:%Y-%m-%d %H:%M:%S} UTC)"
        return RefusedError(kind, f"{host_of(url)} answered {status}: {said}", problem.code, retry_after=retry_after)


def signature_of(key: josepy.jwk.JWK) -> josepy.jwa.JWASignature:
    """How a key signs (RFC 7518 3.1; RFC 8555 6.2 wants an algorithm that fits the key)."""
    match key:
        case josepy.jwk.JWKEC():
            return {"secp384r1": josepy.jwa.ES384, "secp521r1": josepy.jwa.ES512}.get(
                key.key.curve.name, josepy.jwa.ES256
            )
        case _:
            return josepy.jwa.RS256


@contextmanager
def making_sense(url: str) -> Iterator[None]:
    """What the libraries cannot read of a CA's answer becomes an AcmeError (CA_UNAVAILABLE)."""
    try:
        yield
    # ValueError: no JSON, or a wrong date; the next three: JSON of another shape; RecursionError: brackets in brackets
    except (
        acme.errors.Error,
        josepy.errors.Error,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        text = f"{host_of(url)} sent what is no ACME: {plain(str(error)) or type(error).__name__}"
        raise AcmeError(ErrorKind.CA_UNAVAILABLE, text) from error


def _kind_by_status(status: int, code: str) -> ErrorKind:
    if status == 429:  # noqa: PLR2004 - RFC 6585 4
        return ErrorKind.RATE_LIMITED
    if code == "unauthorized":  # not of a challenge: those errors come inside an authorization
        return ErrorKind.ACCOUNT
    return ErrorKind.ORDER_FAILED if code and status < 500 else ErrorKind.CA_UNAVAILABLE  # noqa: PLR2004 - RFC 9110 15.6


def _problem(response: requests.Response) -> Problem:
    try:
        return parse_problem(response.json())
    except (ValueError, RecursionError):
        return Problem("", "")


def _without_problem(response: requests.Response) -> str:
    if response.is_redirect:
        return f"it sends elsewhere, to {plain(response.headers['Location'])}; set that in ACME_DIRECTORY_URLS"
    kind = plain(response.headers.get("Content-Type", "something untyped")).partition(";")[0]
    return f"{plain(response.reason or 'no reason')}, with {kind} where JSON is wanted"
