"""Reads for the request gate: from a raw key to a principal."""

import ipaddress
import math
from functools import cache
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from api_keys.hashers import APIKeyHasher, candidates
from api_keys.material import is_well_formed
from api_keys.models import APIKey
from core.limits import Policy, parse_policy
from core.principals import Outcome, Principal, Refusal

INVALID = Refusal("invalid_api_key", "The API key is not valid.")
_REVOKED = Refusal("api_key_revoked", "The API key was revoked.")
_INACTIVE = Refusal("api_key_inactive", "The API key is switched off.")
EXPIRED = Refusal("api_key_expired", "The API key has expired.")
MINUTE, DAY = 60, 86_400


@cache
def default_policy() -> Policy:
    """The request limit of a key that has none of its own."""
    return parse_policy("default", settings.LIMIT_API_KEY)


def key_outcome(raw: str) -> Outcome:
    """Who a well-formed key stands for, in one query; a digest under an older pepper is renewed on the way."""
    if not is_well_formed(raw):
        return INVALID
    digests = candidates(raw)
    key: APIKey | None = APIKey.objects.select_related("owner").filter(digest__in=digests).first()
    if key is None or not key.owner.is_active:
        return INVALID
    if refusal := _refusal(key):
        return refusal
    if APIKeyHasher().must_update(key.digest):
        APIKey.objects.filter(pk=key.pk, digest=key.digest).update(digest=digests[0])
    return principal_of(key)


def key_outcome_by_id(key_id: UUID) -> Outcome:
    """Who a key stands for that proved itself a moment ago (a ticket of the socket), in one query."""
    key: APIKey | None = APIKey.objects.select_related("owner").filter(pk=key_id).first()
    if key is None or not key.owner.is_active:
        return INVALID
    return _refusal(key) or principal_of(key)


def _refusal(key: APIKey) -> Refusal | None:
    if key.revoked_at is not None:
        return _REVOKED
    if not key.is_active:
        return _INACTIVE
    if key.expires_at is not None and key.expires_at <= timezone.now():
        return EXPIRED
    return None


def principal_of(key: APIKey) -> Principal:
    """A usable key as the gate sees it."""
    minute = Policy("default", key.rate_limit, MINUTE) if key.rate_limit else default_policy()
    limits = [(minute, f"key:{key.pk}")]
    if key.daily_quota:
        limits.append((Policy("daily", key.daily_quota, DAY, fixed=True), f"key:{key.pk}"))
    return Principal(
        kind="api_key",
        user_id=key.owner_id,
        credential_id=key.pk,
        is_staff=key.owner.is_staff,
        is_guest=key.owner.is_guest,
        scopes=frozenset(key.scopes),
        expires_at=key.expires_at.timestamp() if key.expires_at else math.inf,
        limits=tuple(limits),
        environment="live" if key.environment == "live" else "test",
        networks=tuple(ipaddress.ip_network(network) for network in key.allowed_networks),
    )
