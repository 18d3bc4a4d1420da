"""Making, changing, rotating and revoking keys. Every write is announced to the gates and written to the audit trail."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from api_keys.choices import Environment
from api_keys.events import APIKeyCreated, APIKeyRevoked, APIKeyRotated, APIKeyUpdated
from api_keys.exceptions import EnvironmentNotGrantable, KeyRevoked, ScopeNotGrantable, TooManyKeys
from api_keys.hashers import APIKeyHasher
from api_keys.material import generate
from api_keys.models import APIKey
from api_keys.notices import stage_of
from core import audit, registry
from core.exceptions import FieldError, Invalid
from core.principals import Principal, announce_change
from core.validators import parse_networks
from events import publish
from users.models import User

MAX_ACTIVE_KEYS = 1000
MAX_GRACE = timedelta(days=30)
MAX_LIFETIME = timedelta(days=36_525)
EDITABLE = frozenset(["name", "scopes", "allowed_networks", "rate_limit", "daily_quota", "metadata", "is_active", "expires_at"])


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with its raw text, which is nowhere else."""

    key: APIKey
    raw: str


def create_key(
    *, owner: User, actor: User, name: str, environment: str = "live", granting: Principal | None = None, **fields: Any
) -> NewKey:
    """Make a key. `granting` is the caller where it may be a key: one cannot give what it lacks.

    Raises Invalid, ScopeNotGrantable, EnvironmentNotGrantable, TooManyKeys.
    """
    _check_environment(environment, granting)
    with transaction.atomic():
        _lock_owner(owner.pk)
        _check_room(owner.pk)
        material = generate(environment)
        key = APIKey(
            name=name,
            owner=owner,
            created_by=actor,
            environment=environment,
            prefix=material.prefix,
            last_four=material.last_four,
        )
        key.digest = APIKeyHasher().encode(material.raw, APIKeyHasher().salt())
        _apply(key, fields, actor=actor, granting=granting)
        key.save(force_insert=True)
        _audit("api_key.created", key, actor, {"scopes": key.scopes, "environment": key.environment})
        _publish(APIKeyCreated(key.pk, owner.pk, name, key.prefix, key.environment, key.scopes, key.expires_at), key)
    return NewKey(key, material.raw)


def update_key(*, key: APIKey, actor: User, granting: Principal | None = None, **fields: Any) -> APIKey:
    """Change a key. Raises KeyRevoked, Invalid, ScopeNotGrantable, TooManyKeys (one that comes back to life)."""
    with transaction.atomic():
        _lock_owner(key.owner_id)
        key = _locked(key)
        was_expired = key.status == "expired"
        before = {name: getattr(key, name) for name in fields}
        _apply(key, fields, actor=actor, granting=granting)
        changes = {
            name: [_plain(value), _plain(getattr(key, name))] for name, value in before.items() if value != getattr(key, name)
        }
        if was_expired and key.status != "expired":
            _check_room(key.owner_id)
        if changes:
            key.save()
            announce_change("api_key", key.pk)
            _audit("api_key.updated", key, actor, changes)
            _publish(APIKeyUpdated(key.pk, key.owner_id, key.name, key.prefix, sorted(changes)), key)
    return key


def revoke_key(*, key: APIKey, actor: User) -> APIKey:
    """End a key for good, in every process within a second. Twice is harmless."""
    with transaction.atomic():
        key = APIKey.objects.select_for_update(of=("self",)).select_related("owner").get(pk=key.pk)
        if key.revoked_at is None:
            key.revoked_at = timezone.now()
            key.is_active = False
            key.save(update_fields=["revoked_at", "is_active", "updated_at"])
            announce_change("api_key", key.pk)
            _audit("api_key.revoked", key, actor, {})
            _publish(APIKeyRevoked(key.pk, key.owner_id, key.name, key.prefix), key)
    return key


def rotate_key(*, key: APIKey, actor: User, grace: timedelta = timedelta(hours=24), granting: Principal | None = None) -> NewKey:
    """Make a successor with the same rights; the old key works until `grace` is over, never past its own expiry.

    Raises KeyRevoked (also for an expired or switched-off key), Invalid, ScopeNotGrantable, EnvironmentNotGrantable, and
    TooManyKeys where the two would be one too many; without grace there is always room.
    """
    _check_environment(key.environment, granting)
    if not timedelta(0) <= grace <= MAX_GRACE:
        raise Invalid.field("grace_seconds", "From 0 to 2592000 seconds.", "out_of_range")
    with transaction.atomic():
        _lock_owner(key.owner_id)
        key = _locked(key)
        if key.status != "active":
            raise KeyRevoked("Only an active key can be rotated.", code="api_key_not_active")
        _check_scopes(key.scopes, actor=actor, owner=key.owner, granting=granting)
        if grace:
            _check_room(key.owner_id)
        material = generate(key.environment)
        successor = APIKey.objects.create(
            name=key.name,
            owner=key.owner,
            created_by=actor,
            environment=key.environment,
            prefix=material.prefix,
            last_four=material.last_four,
            digest=APIKeyHasher().encode(material.raw, APIKeyHasher().salt()),
            scopes=key.scopes,
            allowed_networks=key.allowed_networks,
            rate_limit=key.rate_limit,
            daily_quota=key.daily_quota,
            metadata=key.metadata,
            expires_at=key.expires_at,
            expiry_notice=key.expiry_notice,
        )
        end = timezone.now() + grace
        if key.expires_at is None or end < key.expires_at:
            key.expires_at, key.expiry_notice = end, stage_of(end)
        key.replaced_by = successor
        key.save(update_fields=["expires_at", "expiry_notice", "replaced_by", "updated_at"])
        announce_change("api_key", key.pk)
        _audit("api_key.rotated", key, actor, {"successor": str(successor.pk), "ends": key.expires_at.isoformat()})
        rotated = APIKeyRotated(key.pk, key.owner_id, key.name, key.prefix, key.expires_at, successor.pk, successor.prefix)
        _publish(rotated, key)
    return NewKey(successor, material.raw)


def _lock_owner(owner_id: UUID) -> None:
    """The owner's row serialises counting and making; it is locked before any of its keys."""
    User.objects.select_for_update(no_key=True).only("pk").get(pk=owner_id)


def _check_room(owner_id: UUID) -> None:
    # A key that is merely switched off counts: it can be switched on again.
    if APIKey.objects.alive().filter(owner_id=owner_id).count() >= MAX_ACTIVE_KEYS:
        raise TooManyKeys


def _check_environment(environment: str, granting: Principal | None) -> None:
    if environment == Environment.LIVE and granting is not None and granting.environment == "test":
        raise EnvironmentNotGrantable


def _locked(key: APIKey) -> APIKey:
    locked: APIKey = APIKey.objects.select_for_update(of=("self",)).select_related("owner").get(pk=key.pk)
    if locked.revoked_at is not None:
        raise KeyRevoked
    return locked


def _apply(key: APIKey, fields: dict[str, Any], *, actor: User, granting: Principal | None) -> None:
    if unknown := set(fields) - EDITABLE:
        raise TypeError(f"unknown fields {unknown}")
    if "scopes" in fields:
        fields["scopes"] = sorted(set(fields["scopes"]))
        _check_scopes(fields["scopes"], actor=actor, owner=key.owner, granting=granting)
    if "expires_at" in fields:
        _apply_end(key, fields["expires_at"])
    try:
        if "allowed_networks" in fields:
            fields["allowed_networks"] = parse_networks(fields["allowed_networks"])
    except ValidationError as error:
        raise Invalid.field("allowed_networks", " ".join(error.messages), "invalid_network") from error
    for name, value in fields.items():
        setattr(key, name, value)
    try:
        key.clean_fields(exclude=["owner", "created_by", "digest", "prefix", "last_four", "id"])
    except ValidationError as error:
        raise Invalid(
            details=[
                FieldError(name, e.code or "invalid", " ".join(e.messages)) for name, es in error.error_dict.items() for e in es
            ]
        ) from error


def _apply_end(key: APIKey, expires_at: datetime | None) -> None:
    if expires_at is not None:
        if expires_at <= timezone.now():
            raise Invalid.field("expires_at", "Must lie in the future.", "in_the_past")
        if expires_at > timezone.now() + MAX_LIFETIME:
            raise Invalid.field("expires_at", "Within a hundred years; leave it out for a key without an end.", "out_of_range")
    if expires_at != key.expires_at:
        key.expires_at, key.expiry_notice = expires_at, stage_of(expires_at)


def _check_scopes(scopes: Iterable[str], *, actor: User, owner: User, granting: Principal | None) -> None:
    own = granting.scopes if granting is not None else None
    declared, for_admins = registry.scopes(), registry.admin_scopes()
    for scope in scopes:
        if scope not in declared:
            raise Invalid.field("scopes", f"There is no scope {scope!r}.", "unknown_scope")
        if scope in for_admins and not (actor.is_staff and owner.is_staff):
            raise ScopeNotGrantable(f"The scope {scope!r} is for administrators' keys only.")
        if own is not None and scope not in own:
            raise ScopeNotGrantable(f"This key lacks the scope {scope!r} and cannot give it.")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _audit(action: str, key: APIKey, actor: User, changes: dict[str, Any]) -> None:
    audit.record(action, actor=actor, target_type="api_key", target_id=key.pk, target_label=str(key), changes=changes)


def _publish(event: Any, key: APIKey) -> None:
    publish(event, stream=f"user:{key.owner_id}")
