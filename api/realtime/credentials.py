"""From the token in an `auth` frame to a principal, and to the same question asked again later. Blocks: runs in threads."""

from collections.abc import Callable
from dataclasses import dataclass

from api import gate, tickets
from api_keys.material import PREFIXES
from core.limits import limiter
from core.principals import Outcome, Refusal

MAX_TOKEN = 4096
_THROTTLED = Refusal("address_throttled", "Too many failed attempts from this address; try again later.")


@dataclass(frozen=True, slots=True)
class Credential:
    """`check()` resolves it anew: the principal, or why it is refused now."""

    check: Callable[[], Outcome]


def find(token: str, address: str | None) -> tuple[Credential, Outcome]:
    """What a token, API key or ticket stands for. A refused one is counted against the address."""
    resolve: Callable[[], Outcome]
    if token.startswith(tickets.PREFIX):
        resolve = tickets.exchange(token)
    else:
        scheme = "ApiKey" if token.startswith(tuple(PREFIXES.values())) else "Bearer"
        resolve = _header(f"{scheme} {token}")
    credential = Credential(lambda: gate.usable(resolve(), address))
    outcome = credential.check()
    if isinstance(outcome, Refusal) and not limiter().take(gate.anonymous_policy(), gate.address_key(address)).admitted:
        outcome = _THROTTLED
    return credential, outcome


def _header(header: str) -> Callable[[], Outcome]:
    return lambda: gate.resolve(header)
