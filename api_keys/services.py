"""Making, changing, rotating and revoking keys. Every write is announced to the gates and written to the audit trail."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from api_keys.exceptions import KeyRevoked, ScopeNotGrantable, TooManyKeys
from api_keys.hashers import APIKeyHasher
from api_keys.material import generate
from api_keys.models import APIKey
from core import audit, registry
from core.exceptions import FieldError, Invalid
from core.principals import announce_change
from core.validators import parse_networks
from users.models import User

MAX_ACTIVE_KEYS = 1000
MAX_GRACE = timedelta(days=30)
EDITABLE = frozenset(["name", "scopes", "allowed_networks", "rate_limit", "daily_quota", "metadata", "is_active", "expires_at"])


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with its raw text, which is nowhere else."""

    key: APIKey
    raw: str


def create_key(
    *, owner: User, actor: User, name: str, environment: str = "live", granting: frozenset[str] | None = None, **fields: Any
) -> NewKey:
    """Make a key. `granting` is what the calling key itself may do, None for a person.

    Raises Invalid, ScopeNotGrantable, TooManyKeys.
    """
    with transaction.atomic():
        # The owner's row serialises counting and making.
        User.objects.select_for_update(no_key=True).get(pk=owner.pk)
        if APIKey.objects.usable().filter(owner=owner).count() >= MAX_ACTIVE_KEYS:
            raise TooManyKeys
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
    return NewKey(key, material.raw)


def update_key(*, key: APIKey, actor: User, granting: frozenset[str] | None = None, **fields: Any) -> APIKey:
    """Change a key. Raises KeyRevoked, Invalid, ScopeNotGrantable."""
    with transaction.atomic():
        key = _locked(key)
        before = {name: getattr(key, name) for name in fields}
        _apply(key, fields, actor=actor, granting=granting)
        changes = {
            name: [_plain(value), _plain(getattr(key, name))] for name, value in before.items() if value != getattr(key, name)
        }
        if changes:
            key.save()
            announce_change("api_key", key.pk)
            _audit("api_key.updated", key, actor, changes)
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
    return key


def rotate_key(
    *, key: APIKey, actor: User, grace: timedelta = timedelta(hours=24), granting: frozenset[str] | None = None
) -> NewKey:
    """Make a successor with the same rights; the old key works until `grace` is over, never past its own expiry.

    Raises KeyRevoked, Invalid (an expired or switched-off key), ScopeNotGrantable.
    """
    if not timedelta(0) <= grace <= MAX_GRACE:
        raise Invalid.field("grace_seconds", "From 0 to 2592000 seconds.", "out_of_range")
    with transaction.atomic():
        key = _locked(key)
        if key.status != "active":
            raise KeyRevoked("Only an active key can be rotated.", code="api_key_not_active")
        _check_scopes(key.scopes, actor=actor, owner=key.owner, granting=granting)
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
        )
        end = timezone.now() + grace
        key.expires_at = min(key.expires_at, end) if key.expires_at else end
        key.replaced_by = successor
        key.save(update_fields=["expires_at", "replaced_by", "updated_at"])
        announce_change("api_key", key.pk)
        _audit("api_key.rotated", key, actor, {"successor": str(successor.pk), "ends": key.expires_at.isoformat()})
    return NewKey(successor, material.raw)


def _locked(key: APIKey) -> APIKey:
    locked: APIKey = APIKey.objects.select_for_update(of=("self",)).select_related("owner").get(pk=key.pk)
    if locked.revoked_at is not None:
        raise KeyRevoked
    return locked


def _apply(key: APIKey, fields: dict[str, Any], *, actor: User, granting: frozenset[str] | None) -> None:
    if unknown := set(fields) - EDITABLE:
        raise TypeError(f"unknown fields {unknown}")
    if "scopes" in fields:
        fields["scopes"] = sorted(set(fields["scopes"]))
        _check_scopes(fields["scopes"], actor=actor, owner=key.owner, granting=granting)
    expires_at = fields.get("expires_at")
    if isinstance(expires_at, datetime) and expires_at <= timezone.now():
        raise Invalid.field("expires_at", "Must lie in the future.", "in_the_past")
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


def _check_scopes(scopes: Iterable[str], *, actor: User, owner: User, granting: frozenset[str] | None) -> None:
    declared, for_admins = registry.scopes(), registry.admin_scopes()
    for scope in scopes:
        if scope not in declared:
            raise Invalid.field("scopes", f"There is no scope {scope!r}.", "unknown_scope")
        if scope in for_admins and not (actor.is_staff and owner.is_staff):
            raise ScopeNotGrantable(f"The scope {scope!r} is for administrators' keys only.")
        if granting is not None and scope not in granting:
            raise ScopeNotGrantable(f"This key lacks the scope {scope!r} and cannot give it.")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _audit(action: str, key: APIKey, actor: User, changes: dict[str, Any]) -> None:
    audit.record(action, actor=actor, target_type="api_key", target_id=key.pk, target_label=str(key), changes=changes)
