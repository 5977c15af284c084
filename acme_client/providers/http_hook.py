"""How is a TXT value left to an HTTP API of one's own, as lego's httpreq does it?"""

from dataclasses import dataclass, field

from acme_client.errors import AcmeError, ErrorKind
from acme_client.providers.letter import LetterError, post
from acme_client.providers.provider import Entry
from acme_client.providers.variables import Variables, seconds


@dataclass(frozen=True, slots=True)
class HttpHook:
    """POST `/present` and `/cleanup` at an endpoint."""

    endpoint: str
    is_raw: bool
    user: tuple[str, str] | None = field(repr=False)
    variables: Variables
    timeout_seconds: float = 30.0
    propagation_seconds: float = 60.0

    def add(self, entry: Entry) -> None:
        self._post("present", entry)

    def remove(self, entry: Entry) -> None:
        self._post("cleanup", entry)

    def _post(self, action: str, entry: Entry) -> None:
        what = f"POST /{action} for {entry.name} at HTTPREQ_ENDPOINT"
        try:
            answer = post(
                f"{self.endpoint}/{action}", self._letter(entry), seconds=self.timeout_seconds, user=self.user
            )
        except LetterError as error:
            text = self.variables.redacted(f"{what} failed: {error}")
            raise AcmeError(ErrorKind.DNS_PROVIDER, text) from None  # the cause holds the URL, a password in it too
        if not answer.is_good:
            kind = ErrorKind.DNS_CREDENTIALS if answer.is_refusal else ErrorKind.DNS_PROVIDER
            raise AcmeError(kind, self.variables.redacted(f"{what} was answered {answer.excerpt}"))

    def _letter(self, entry: Entry) -> dict[str, str]:
        if not self.is_raw:
            return {"fqdn": entry.name, "value": entry.value}
        token, key_authorization = entry.raw("HTTPREQ_MODE=RAW")
        return {"domain": entry.domain, "token": token, "keyAuth": key_authorization}


def http_hook(variables: Variables) -> HttpHook:
    """By HTTPREQ_ENDPOINT, HTTPREQ_MODE, HTTPREQ_USERNAME, HTTPREQ_PASSWORD and HTTPREQ_HTTP_TIMEOUT."""
    endpoint = variables.url("HTTPREQ_ENDPOINT", "the URL of the server, http or https")
    is_raw = variables.parsed("HTTPREQ_MODE", "", raw_mode, "RAW or nothing")
    timeout_seconds = variables.parsed("HTTPREQ_HTTP_TIMEOUT", "30", seconds, "a number of seconds")
    return HttpHook(endpoint, is_raw, _user(variables), variables, timeout_seconds)


def _user(variables: Variables) -> tuple[str, str] | None:
    """Both or neither: half of it would be left out in silence."""
    user, password = variables.text("HTTPREQ_USERNAME"), variables.text("HTTPREQ_PASSWORD")
    if not user and not password:
        return None
    variables.required("HTTPREQ_USERNAME", "the user whose HTTPREQ_PASSWORD is set")
    variables.required("HTTPREQ_PASSWORD", "the password of HTTPREQ_USERNAME")
    return user, password


def raw_mode(text: str) -> bool:
    """Whether a hook's mode is RAW, which gives it the key authorization in place of the value; raises ValueError."""
    if text.upper() not in {"", "RAW"}:
        raise ValueError(text)
    return bool(text)
