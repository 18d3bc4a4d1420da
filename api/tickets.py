"""Single-use tickets that open the socket, for clients that do not want their token or key in its first frame.

Redis keeps the ticket's digest only, with which credential asked for it; GETDEL makes sure that of concurrent redemptions one
succeeds. A ticket opens nothing by itself: at redemption the session or key is looked up again, so a revocation counts.
"""

import re
import secrets
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings

from api_keys import selectors as key_selectors
from core import crypto
from core.principals import Outcome, Principal, Refusal
from core.redis import RedisAway, breaker
from events.announcing import PREFIX as REDIS_PREFIX
from events.exceptions import TicketsUnavailable
from users import selectors as user_selectors
from users.tokens import Claims

PREFIX = "tkt_"
LIFE_SECONDS = 30
INVALID = Refusal("invalid_ticket", "The ticket is not valid, has expired or was used already.")
_ENDED = Refusal("invalid_token", "The token that asked for the ticket has expired.")
_FORM = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")


def _name(ticket: str) -> str:
    return f"{REDIS_PREFIX}ticket:{crypto.sha256(ticket).hex()}"


def issue(principal: Principal) -> str:
    """A new ticket for the caller, valid for LIFE_SECONDS and once. Raises TicketsUnavailable."""
    ticket = f"{PREFIX}{secrets.token_urlsafe(32)}"
    identity = orjson.dumps(_identity(principal))
    try:
        breaker().call(lambda redis: redis.set(_name(ticket), identity, ex=LIFE_SECONDS))
    except RedisAway as error:
        raise TicketsUnavailable from error
    return ticket


def exchange(ticket: str) -> Callable[[], Outcome]:
    """Use the ticket up; a function that says who it stands for, each time it is called, in one query. Raises TicketsUnavailable.

    Whether the caller's address is among a key's networks is left to whoever knows the address.
    """
    if not _FORM.fullmatch(ticket):
        return _refused
    try:
        raw: Any = breaker().call(lambda redis: redis.getdel(_name(ticket)))
    except RedisAway as error:
        raise TicketsUnavailable from error
    if raw is None:
        return _refused
    found = orjson.loads(raw)
    credential = UUID(found["credential"])
    if found["kind"] == "api_key":
        return lambda: key_selectors.key_outcome_by_id(credential)
    claims = Claims(UUID(found["user"]), credential, "", found["issued_at"], found["expires_at"])
    return lambda: _ENDED if claims.expires_at <= time.time() else user_selectors.session_outcome(claims)


def redeem(ticket: str) -> Outcome:
    """Use the ticket up; who it stands for. Raises TicketsUnavailable."""
    return exchange(ticket)()


def _refused() -> Outcome:
    return INVALID


def _identity(principal: Principal) -> dict[str, Any]:
    identity: dict[str, Any] = {"kind": principal.kind, "credential": str(principal.credential_id)}
    if principal.kind == "session":
        # A principal forgets when its token was made; its end tells it, but for a guest's, which may be cut short.
        now = int(time.time())
        made = now if principal.is_guest else int(principal.expires_at - settings.ACCESS_TOKEN_LIFETIME.total_seconds())
        identity |= {"user": principal.user_text, "issued_at": min(made, now), "expires_at": int(principal.expires_at)}
    return identity
