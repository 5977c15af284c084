"""Would it work? Orders what is wanted from a staging CA, keeps nothing, and says in plain words what came of it."""

from collections.abc import Callable, Iterable

from acme_client.errors import AcmeError
from acme_client.issuer import Issuer, Order
from acme_client.pair import check_names, read_pair
from acme_client.wanted import Wanted

Say = Callable[[str], None]


def rehearse(certificates: Iterable[Wanted], issuer: Issuer, say: Say) -> bool:
    """Whether every certificate could be had; says of each what would happen, and what to do where it would fail."""
    stage = issuer if issuer.is_staging else issuer.rehearsal()
    if stage is None:
        say(
            f"{issuer.directory} has no staging that is known here: it is asked itself, and what it signs is thrown away."
        )
        stage = issuer
    results = [_try(wanted, stage, say) for wanted in certificates]
    if all(results):
        say("All would work; nothing was changed.")
    else:
        say(f"{results.count(False)} of {len(results)} would fail; nothing was changed.")
    return all(results)


def _try(wanted: Wanted, stage: Issuer, say: Say) -> bool:
    names = ", ".join(wanted.names)
    say(f"{names}: asking {stage.directory} ...")
    try:
        signed = stage.issue(Order(wanted.names))
        leaf = read_pair(signed.chain_pem, signed.key_pem)
        check_names(leaf, wanted.names)
    except AcmeError as error:
        say(f"{names}: would fail ({error.kind}). {error}\n  What to do: {error.remedy.advice}")
        return False
    say(f"{names}: would work; {leaf.issuer} signed a certificate that is good until {leaf.not_after:%Y-%m-%d}.")
    return True
