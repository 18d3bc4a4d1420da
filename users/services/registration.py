"""Registration and the proof of an address, without telling anyone which addresses and names exist."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils import timezone

from core import audit
from core.limits import limiter
from events import publish
from users.choices import MailKind
from users.events import UserCreated, UserUpdated
from users.exceptions import InvalidLink, RegistrationClosed
from users.mailing import VERIFICATION_SALT
from users.models import User, UserProfile
from users.services import letters, sessions
from users.services.accounts import checked_password


def register(*, username: str, email: str, password: str, display_name: str = "") -> None:
    """Make an account that waits for the proof of its address, and send the letter.

    A taken address or name changes nothing and is told by letter only: the answer and its time are the same. Raises
    RegistrationClosed, Invalid for what is wrong in itself, LimitExceeded.
    """
    if not settings.REGISTRATION_ENABLED:
        raise RegistrationClosed
    email = email.strip().lower()
    user = User(username=username, email=email)
    checked_password(password, user)
    user.clean_fields(exclude=["password"])
    may_write = limiter().charge(sessions.mail_policy(), sessions.account_key(email)).admitted
    # Hashed whatever comes of it: the time must not tell.
    user.password = make_password(password)
    if User.objects.filter(email__lower=email).exists():
        _tell(MailKind.ALREADY_REGISTERED, email, may_write=may_write)
    elif User.objects.filter(username__lower=username.lower()).exists():
        _tell(MailKind.USERNAME_TAKEN, email, may_write=may_write)
    else:
        try:
            _create(user, display_name, may_write=may_write)
        except IntegrityError:
            # Two at once: the other one won.
            by_email = User.objects.filter(email__lower=email).exists()
            _tell(MailKind.ALREADY_REGISTERED if by_email else MailKind.USERNAME_TAKEN, email, may_write=may_write)


def _create(user: User, display_name: str, *, may_write: bool) -> None:
    with transaction.atomic():
        # Not save_checked: a name taken since the look-up must not be told as a wrong field. The database refuses it.
        user.save(force_insert=True)
        UserProfile.objects.create(user=user, display_name=display_name)
        audit.record("user.registered", actor=user, target_type="user", target_id=user.pk, target_label=user.username)
        if may_write and user.email:
            letters.ask_for_letter(kind=MailKind.EMAIL_VERIFICATION, to=user.email, user=user)
        publish(UserCreated(user.pk, user.username, is_guest=False), stream=f"user:{user.pk}")


def _tell(kind: MailKind, to: str, *, may_write: bool) -> None:
    if may_write:
        with transaction.atomic():
            letters.ask_for_letter(kind=kind, to=to, user=None)


def ask_for_verification(*, email: str) -> None:
    """Send the letter again if an account waits for it. The answer is the same either way."""
    if not limiter().charge(sessions.mail_policy(), sessions.account_key(email)).admitted:
        return
    email = email.strip().lower()
    user = User.objects.filter(email__lower=email, email_verified_at__isnull=True, is_active=True, is_guest=False).first()
    # Written whoever it is for, so that the time does not tell; a letter for nobody is dropped when it is due.
    with transaction.atomic():
        letters.ask_for_letter(kind=MailKind.EMAIL_VERIFICATION, to=(user and user.email) or email, user=user)


def confirm_email(*, token: str) -> User:
    """Take a letter's token as proof of the address it was sent to. Raises InvalidLink. Twice is harmless."""
    refusal = InvalidLink.field("token", "The link is not valid any more; ask for a new one.", "invalid_link")
    try:
        claim: dict[str, Any] = signing.loads(token, salt=VERIFICATION_SALT, max_age=settings.EMAIL_VERIFICATION_TIMEOUT)
    except signing.BadSignature as error:
        raise refusal from error
    with transaction.atomic():
        user: User | None = User.objects.select_for_update().filter(pk=UUID(claim["user"]), is_active=True).first()
        if user is None or user.email != claim["email"]:
            raise refusal
        if user.email_verified_at is None:
            user.email_verified_at = timezone.now()
            user.save(update_fields=["email_verified_at", "updated_at"])
            audit.record("user.email_verified", actor=user, target_type="user", target_id=user.pk, target_label=user.username)
            publish(UserUpdated(user.pk, user.username, ["email_verified_at"]), stream=f"user:{user.pk}")
    return user
