"""The request gate: from a request to an admitted principal. Every API request passes here, once, in this order.

1. The credential in `Authorization` becomes a `Principal`: from the process's cache, else by one query. A malformed key is
   refused without any.
2. The principal's expiry and allowed networks are checked.
3. Its limits are taken: per minute and per day for a key, per minute for a person, per address for everybody else; plus the
   stricter one of a sensitive operation.

Scopes and roles are the permission classes' (core.permissions); the log is written around all of it by
core.middleware. What is found here is left in `request.gate` for it.
"""

import ipaddress
import time
from functools import cache
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from api_keys import selectors as key_selectors
from api_keys.material import is_well_formed
from api_keys.quota_bell import note_quota_used_up
from core import context, crypto
from core.exceptions import LimitExceeded, NotAuthenticated
from core.limits import Policy, limiter, parse_policy
from core.middleware import GateState
from core.principal_listener import ensure_listening
from core.principals import Outcome, Principal, Refusal, principal_cache
from users import selectors as user_selectors
from users import tokens
from users.exceptions import InvalidToken

MAX_CREDENTIAL = 4096
_MALFORMED = Refusal("invalid_credentials", "Send 'Authorization: Bearer <token>' or 'Authorization: ApiKey <key>'.")
_BAD_TOKEN = Refusal("invalid_token", "The token is not valid or has expired.")


def state_of(request: HttpRequest) -> GateState:
    """Where the gate leaves what it found."""
    state: GateState | None = getattr(request, "gate", None)
    if state is None:
        state = GateState()
        request.gate = state  # type: ignore[attr-defined]
    return state


def authenticate(request: HttpRequest) -> Principal | None:
    """The caller, None when no credential was sent.

    Raises NotAuthenticated, or LimitExceeded for an address that keeps guessing.
    """
    header = request.META.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    address = context.current().ip_address
    outcome = usable(resolve(header), address)
    if isinstance(outcome, Refusal):
        _take(request, anonymous_policy(), address_key(address))
        raise NotAuthenticated(outcome.message, code=outcome.code)
    state_of(request).principal = outcome
    context.current().via = outcome.via
    return outcome


def usable(outcome: Outcome, address: str | None) -> Outcome:
    """The outcome, or the refusal of a principal that has expired or may not call from `address`."""
    if isinstance(outcome, Principal):
        if outcome.expires_at <= time.time():
            return _BAD_TOKEN if outcome.kind == "session" else Refusal("api_key_expired", "The API key has expired.")
        if not outcome.allows_address(address):
            return Refusal("address_not_allowed", "The API key may not be used from this address.")
    return outcome


def resolve(header: str) -> Outcome:
    """What a credential stands for, cached by its digest for a few seconds and dropped when its owner changes."""
    ensure_listening()
    if len(header) > MAX_CREDENTIAL:
        return _MALFORMED
    digest = crypto.sha256(header)
    cached = principal_cache().get(digest)
    if cached is not None:
        return cached
    scheme, _, credential = header.partition(" ")
    generation = principal_cache().generation
    if scheme.lower() == "apikey":
        # Garbage is refused by its checksum and not worth a place in the cache.
        if not is_well_formed(credential):
            return key_selectors.INVALID
        outcome = key_selectors.key_outcome(credential)
    elif scheme.lower() == "bearer":
        try:
            claims = tokens.read_access(credential)
        except InvalidToken:
            return _BAD_TOKEN
        outcome = user_selectors.session_outcome(claims)
    else:
        return _MALFORMED
    principal_cache().put(digest, outcome, generation)
    return outcome


def admit(request: HttpRequest, principal: Principal | None, sensitive: str = "") -> None:
    """Take the request's limits. `sensitive` names an operation with a stricter limit per address. Raises LimitExceeded."""
    if sensitive:
        _take(request, sensitive_policy(sensitive), address_key(context.current().ip_address))
    if principal is None:
        _take(request, anonymous_policy(), address_key(context.current().ip_address))
        return
    for policy, key in principal.limits:
        _take(request, policy, key)


def admit_as(request: HttpRequest, policy: Policy, key: str) -> None:
    """Take a limit that is neither a caller's nor an address's: of something that is called. Raises LimitExceeded."""
    _take(request, policy, key)


def _take(request: HttpRequest, policy: Policy, key: str) -> None:
    decision = limiter().take(policy, key)
    state_of(request).decisions.append(decision)
    if not decision.admitted:
        is_quota = policy.name == "daily"
        if is_quota:
            note_quota_used_up(UUID(key.removeprefix("key:")))
        raise LimitExceeded(
            f"The limit of {policy.quota} requests in {policy.window} seconds is used up.",
            code="quota_exceeded" if is_quota else "rate_limited",
            retry_after=decision.reset,
        )


@cache
def anonymous_policy() -> Policy:
    """The limit per address for everybody without a valid credential."""
    return parse_policy("anonymous", settings.LIMIT_ANONYMOUS)


@cache
def sensitive_policy(name: str) -> Policy:
    """The stricter limit per address of one sensitive operation."""
    return parse_policy(name, settings.LIMIT_SENSITIVE)


def address_key(address: str | None) -> str:
    """One address; for IPv6 its /64, which is what one customer holds."""
    if address is None:
        return "ip:unknown"
    if ":" in address:
        return f"ip:{ipaddress.ip_network((address, 64), strict=False).network_address}"
    return f"ip:{address}"
