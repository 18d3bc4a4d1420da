"""Guests: short-lived accounts bound to what they were invited to, which can become full accounts with all their history."""

import re
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.utils import timezone

from core import audit
from core.exceptions import FieldError, Invalid
from core.principals import announce_change
from events import publish
from users.choices import MailKind, RevocationReason
from users.events import UserCreated, UserUpdated
from users.exceptions import GuestsClosed, InvalidLink, NotAGuest
from users.models import User, UserProfile
from users.services import letters, sessions
from users.services.accounts import checked_password, save_checked
from users.services.sessions import SignIn

INVITATION_SALT = "users.guest_invitation"
MAX_INVITATION = timedelta(days=30)
_RESOURCE = re.compile(r"[a-z_]{1,40}:[A-Za-z0-9_.\-]{1,150}")


def issue_invitation(*, resource: str, lifetime: timedelta, actor: User) -> str:
    """A signed token with which anyone can enter as a guest of `resource` (`kind:id`) until it ends. Raises Invalid."""
    if not _RESOURCE.fullmatch(resource):
        raise Invalid.field("resource", "Expected kind:id.", "invalid_resource")
    if not timedelta(minutes=1) <= lifetime <= MAX_INVITATION:
        raise Invalid.field("expires_in", "From one minute to thirty days.", "out_of_range")
    until = int((timezone.now() + lifetime).timestamp())
    audit.record("guest.invited", actor=actor, target_type="invitation", target_id=resource[:64], changes={"until": until})
    return signing.dumps({"resource": resource, "until": until}, salt=INVITATION_SALT)


def enter_as_guest(*, invitation: str, display_name: str) -> SignIn:
    """Make a guest bound to what the invitation names, and sign it in. Raises GuestsClosed or InvalidLink."""
    if not settings.GUESTS_ENABLED:
        raise GuestsClosed
    now = timezone.now()
    try:
        claim: dict[str, Any] = signing.loads(invitation, salt=INVITATION_SALT)
    except signing.BadSignature as error:
        raise InvalidLink.field("invitation", "This invitation is not valid.", "invalid_link") from error
    if claim["until"] < now.timestamp():
        raise InvalidLink.field("invitation", "This invitation has expired.", "invalid_link")
    return admit_guest(resource=claim["resource"], display_name=display_name)


def admit_guest(*, resource: str, display_name: str) -> SignIn:
    """Make a guest bound to `resource` (`kind:id`), and sign it in; whether somebody may come in is the caller's to check.

    Raises GuestsClosed. Publishes user.created.
    """
    if not settings.GUESTS_ENABLED:
        raise GuestsClosed
    with transaction.atomic():
        user = User(
            username=f"guest-{secrets.token_hex(8)}",
            is_guest=True,
            guest_resource=resource,
            guest_expires_at=timezone.now() + settings.GUEST_LIFETIME,
        )
        user.set_unusable_password()
        save_checked(user)
        UserProfile.objects.create(user=user, display_name=display_name)
        audit.record("guest.entered", actor=user, target_type="user", target_id=user.pk, target_label=user.username)
        signed_in = sessions.open_session(user=user)
        created = UserCreated(user.pk, user.username, is_guest=True, expires_at=user.guest_expires_at)
        publish(created, stream=f"user:{user.pk}")
    return signed_in


def upgrade_guest(*, user: User, username: str, email: str, password: str) -> SignIn:
    """Turn a guest into an account: the same id, hence all its history. Its address is proven by letter.

    Raises NotAGuest or Invalid; a taken address or name is refused alike, so neither tells which exists.
    """
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        if not user.is_guest:
            raise NotAGuest
        checked_password(password, user)
        taken = User.objects.exclude(pk=user.pk).named(username) | User.objects.exclude(pk=user.pk).named(email)
        if taken.exists():
            message = "These cannot be used; choose another name, or sign in if you have an account."
            raise Invalid(details=[FieldError("username", "unavailable", message)])
        user.username, user.email = username, email.strip().lower()
        user.is_guest, user.guest_resource, user.guest_expires_at = False, "", None
        user.set_password(password)
        user.tokens_valid_after = timezone.now()
        save_checked(user)
        ended = sessions.end_all(user=user, reason=RevocationReason.PASSWORD)
        announce_change("user", user.pk)
        audit.record("guest.upgraded", actor=user, target_type="user", target_id=user.pk, target_label=user.username)
        letters.ask_for_letter(kind=MailKind.EMAIL_VERIFICATION, to=user.email, user=user)
        signed_in = sessions.open_session(user=user)
        sessions.publish_end(user.pk, ended, RevocationReason.PASSWORD)
        changed = ["email", "is_guest", "password", "username"]
        publish(UserUpdated(user.pk, user.username, changed), stream=f"user:{user.pk}")
    return signed_in
