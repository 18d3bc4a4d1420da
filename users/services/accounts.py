"""Accounts as administrators manage them, and the end of access."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from core import audit, registry
from core.exceptions import FieldError, Invalid
from core.principals import announce_change
from events import publish
from users.choices import RevocationReason
from users.events import UserActivated, UserCreated, UserDeactivated, UserDeleted, UserUpdated
from users.exceptions import LastAdministrator, SuperuserRequired
from users.models import User, UserProfile
from users.services import profiles, sessions

EDITABLE = frozenset(
    ["username", "email", "first_name", "last_name", "is_staff", "is_superuser", "max_messages_per_day", "is_active"]
)


def checked_password(password: str, user: User | None = None, field: str = "password") -> str:
    """The password, if the rules allow it. Raises Invalid naming `field`."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        details = [FieldError(field, item.code or "invalid", " ".join(item.messages)) for item in error.error_list]
        raise Invalid(details=details) from error
    return password


def save_checked(user: User) -> None:
    """Validate fields and constraints, then save. Raises Invalid with the fields."""
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        details = [
            FieldError(_field_of(name, item), item.code or "invalid", " ".join(item.messages))
            for name, items in error.error_dict.items()
            for item in items
        ]
        raise Invalid(details=details) from error
    user.save()


def _field_of(name: str, error: ValidationError) -> str:
    """Constraint errors belong to no field in Django's eyes; name the one they are about."""
    text = " ".join(error.messages)
    if name == "__all__":
        return next((field for field in ("username", "email") if field in text), "")
    return name


def _check_rank(actor: User | None, user: User | None = None, *, is_superuser: bool = False) -> None:
    """Who could change a superuser's address could take the account over with a reset letter. The system may do anything."""
    if actor is not None and not actor.is_superuser and (is_superuser or (user is not None and user.is_superuser)):
        raise SuperuserRequired


def create_user(*, actor: User | None, password: str, profile: Mapping[str, Any] | None = None, **fields: Any) -> User:
    """Create an account; an administrator vouches for its address. Raises Invalid."""
    unknown = set(fields) - EDITABLE
    if unknown:
        raise TypeError(f"unknown fields {unknown}")
    _check_rank(actor, is_superuser=bool(fields.get("is_superuser")))
    with transaction.atomic():
        user = User(**fields, email_verified_at=timezone.now())
        user.set_password(checked_password(password, user))
        save_checked(user)
        UserProfile.objects.create(user=user, **(profile or {}))
        audit.record(
            "user.created",
            actor=actor,
            target_type="user",
            target_id=user.pk,
            target_label=user.username,
            changes={"is_staff": user.is_staff},
        )
        publish(UserCreated(user.pk, user.username, is_guest=False), stream=f"user:{user.pk}")
    return user


def update_user(*, user: User, actor: User, **fields: Any) -> User:
    """Change an account: all of it or nothing. What the gate knows of it is dropped everywhere. Raises Invalid."""
    _check_rank(actor, user, is_superuser=bool(fields.get("is_superuser")))
    is_active = fields.pop("is_active", user.is_active)
    if user.pk == actor.pk and fields.get("is_staff") is False:
        raise LastAdministrator
    with transaction.atomic():
        was_active = user.is_active
        user = User.objects.select_for_update().get(pk=user.pk)
        changes = {name: [str(getattr(user, name)), str(value)] for name, value in fields.items() if getattr(user, name) != value}
        for name, value in fields.items():
            setattr(user, name, value)
        if changes:
            save_checked(user)
            announce_change("user", user.pk)
            audit.record(
                "user.updated", actor=actor, target_type="user", target_id=user.pk, target_label=user.username, changes=changes
            )
        if was_active and not is_active:
            user = deactivate_user(user=user, actor=actor)
        elif is_active and not was_active:
            user = activate_user(user=user, actor=actor)
        if changes:
            publish(UserUpdated(user.pk, user.username, sorted(changes)), stream=f"user:{user.pk}")
    return user


def deactivate_user(*, user: User, actor: User | None) -> User:
    """End an account's access at once: sessions revoked, keys and tokens refused in every process."""
    if actor is not None and actor.pk == user.pk:
        raise LastAdministrator
    _check_rank(actor, user)
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        if user.is_active:
            user.is_active = False
            user.tokens_valid_after = timezone.now()
            user.save(update_fields=["is_active", "tokens_valid_after", "updated_at"])
            announce_change("user", user.pk)
            audit.record("user.deactivated", actor=actor, target_type="user", target_id=user.pk, target_label=user.username)
            ended = sessions.end_all(user=user, reason=RevocationReason.DEACTIVATED)
            sessions.publish_end(user.pk, ended, RevocationReason.DEACTIVATED)
            publish(UserDeactivated(user.pk, user.username), stream=f"user:{user.pk}")
    return user


def activate_user(*, user: User, actor: User | None) -> User:
    """Let an account in again; its old sessions stay ended, its keys work again."""
    _check_rank(actor, user)
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        if not user.is_active:
            user.is_active = True
            user.save(update_fields=["is_active", "updated_at"])
            announce_change("user", user.pk)
            audit.record("user.activated", actor=actor, target_type="user", target_id=user.pk, target_label=user.username)
            publish(UserActivated(user.pk, user.username), stream=f"user:{user.pk}")
    return user


def delete_user(*, user: User, actor: User) -> None:
    """Remove an account with its sessions, profile and keys. The audit trail, the log and its sums keep its id."""
    if actor.pk == user.pk:
        raise LastAdministrator
    _check_rank(actor, user)
    with transaction.atomic():
        user_id = user.pk
        for prepare in registry.account_ends():
            prepare(user=user, actor=actor)
        profiles.drop_avatar(user_id=user_id)
        announce_change("user", user_id)
        audit.record("user.deleted", actor=actor, target_type="user", target_id=user_id, target_label=user.username)
        user.delete()
        publish(UserDeleted(user_id, user.username), stream=f"user:{user_id}")
