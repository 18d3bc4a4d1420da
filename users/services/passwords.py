"""Changing and resetting passwords. Either ends every session at once."""

from uuid import UUID

from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.utils import timezone

from core import audit
from core.exceptions import Invalid
from core.limits import limiter
from core.principals import announce_change
from events import publish
from users.choices import MailKind, RevocationReason
from users.events import UserUpdated
from users.exceptions import InvalidLink
from users.models import User
from users.services import letters, sessions
from users.services.accounts import checked_password
from users.services.sessions import SignIn, account_key


def change_password(*, user: User, current: str, new: str) -> SignIn:
    """Set a new password, end every session and open a fresh one for the caller. Raises Invalid or LimitExceeded."""
    _check(user, current, new)
    with transaction.atomic():
        ended = _set_password(user, new, actor=user)
        signed_in = sessions.open_session(user=user)
        _publish(user, ["password"], ended)
    return signed_in


def replace_password(*, user: User, current: str, new: str) -> None:
    """Set a new password and end every session. Raises Invalid or LimitExceeded."""
    _check(user, current, new)
    with transaction.atomic():
        ended = _set_password(user, new, actor=user)
        _publish(user, ["password"], ended)


def _check(user: User, current: str, new: str) -> None:
    sessions.charge_password_check(user)
    if not user.check_password(current):
        raise Invalid.field("current_password", "The current password is wrong.", "wrong_password")
    checked_password(new, user, "new_password")


def ask_for_reset(*, email: str) -> None:
    """Send a reset letter if the address belongs to an active account. The answer is the same either way."""
    if not limiter().charge(sessions.mail_policy(), account_key(email)).admitted:
        return
    email = email.strip().lower()
    user = User.objects.filter(email__lower=email, is_active=True, is_guest=False).first()
    # Written whoever it is for, so that the time does not tell; a letter for nobody is dropped when it is due.
    with transaction.atomic():
        letters.ask_for_letter(kind=MailKind.PASSWORD_RESET, to=(user and user.email) or email, user=user)


def send_reset(*, user: User, actor: User) -> None:
    """Send a reset letter on an administrator's behalf. Raises Invalid for an account without an address."""
    if not user.email or user.is_guest:
        raise Invalid.field("user", "This account has no address.", "no_email")
    with transaction.atomic():
        letters.ask_for_letter(kind=MailKind.PASSWORD_RESET, to=user.email, user=user)
        audit.record("user.reset_sent", actor=actor, target_type="user", target_id=user.pk, target_label=user.username)


def confirm_reset(*, uid: UUID, token: str, new: str) -> None:
    """Set a new password with the token of a letter; it works once and proves the address. Raises InvalidLink or Invalid."""
    with transaction.atomic():
        user = User.objects.select_for_update().filter(pk=uid, is_active=True, is_guest=False).first()
        if user is None or not default_token_generator.check_token(user, token):
            raise InvalidLink.field("token", "The link is not valid any more; ask for a new one.", "invalid_link")
        checked_password(new, user, "new_password")
        changed = ["password"]
        if user.email_verified_at is None:
            user.email_verified_at = timezone.now()
            changed.insert(0, "email_verified_at")
        ended = _set_password(user, new, actor=user)
        _publish(user, changed, ended)


def _set_password(user: User, password: str, *, actor: User) -> list[UUID]:
    """The ids of the sessions that ended with the old one."""
    user.set_password(password)
    user.tokens_valid_after = timezone.now()
    user.save(update_fields=["password", "tokens_valid_after", "email_verified_at", "updated_at"])
    ended = sessions.end_all(user=user, reason=RevocationReason.PASSWORD)
    announce_change("user", user.pk)
    audit.record("user.password_changed", actor=actor, target_type="user", target_id=user.pk, target_label=user.username)
    if user.email:
        letters.ask_for_letter(kind=MailKind.PASSWORD_CHANGED, to=user.email, user=user)
    return ended


def _publish(user: User, changed: list[str], ended: list[UUID]) -> None:
    sessions.publish_end(user.pk, ended, RevocationReason.PASSWORD)
    publish(UserUpdated(user.pk, user.username, changed), stream=f"user:{user.pk}")
