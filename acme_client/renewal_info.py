"""When does the CA want a certificate to be renewed (RFC 9773)?"""

from acme_client.directory import Directory
from acme_client.issuer import RenewalAdvice
from acme_client.moment import parse_moment
from acme_client.network import Network, making_sense
from acme_client.problems import plain
from acme_client.renewal import Span
from acme_client.retry_after import parse_retry_after


def renewal_advice(directory: Directory, network: Network, certificate_id: str) -> RenewalAdvice | None:
    """The suggested window as it came, also when it ends before it begins; None when the CA makes no suggestions.

    No account is needed: it is a plain GET (RFC 9773 4.1). Raises AcmeError.
    """
    if directory.renewal_info is None:
        return None
    url = f"{directory.renewal_info}/{certificate_id}"
    with making_sense(url):
        response = network.get(url)
        content = response.json()
        window = content["suggestedWindow"]
        span = Span(parse_moment(window["start"]), parse_moment(window["end"]))
        explanation = content.get("explanationURL")
    retry_after = parse_retry_after(response.headers.get("Retry-After"), network.line.clock())
    return RenewalAdvice(span, retry_after, plain(explanation) if isinstance(explanation, str) else None)
