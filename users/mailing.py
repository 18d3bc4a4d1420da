"""Writing and sending letters. A letter is a row first; sending marks it, failing puts it off."""

import logging
from datetime import timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from users.choices import MailKind
from users.models import OutgoingMail, User

log = logging.getLogger(__name__)
MAX_ATTEMPTS = 8
VERIFICATION_SALT = "users.email_verification"
_WITH_TOKEN = frozenset({MailKind.EMAIL_VERIFICATION, MailKind.PASSWORD_RESET})


def deliver(mail_id: str) -> bool:
    """Send one waiting letter; whether it is out. Two workers at once send it once: the row is locked."""
    with transaction.atomic():
        mail = (
            OutgoingMail.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(pk=mail_id, sent_at__isnull=True, attempts__lt=MAX_ATTEMPTS)
            .select_related("user")
            .first()
        )
        if mail is None:
            return False
        if _is_moot(mail):
            mail.delete()
            return False
        subject, text = _compose(mail)
        try:
            send_mail(subject, text, None, [mail.to])
        except Exception as error:  # noqa: BLE001 - some addresses that pass validation cannot be written as a header
            log.warning("Letter %s could not be sent: %s", mail.pk, type(error).__name__)
            delay = timedelta(seconds=30 * 2**mail.attempts)
            OutgoingMail.objects.filter(pk=mail.pk).update(attempts=F("attempts") + 1, next_attempt_at=timezone.now() + delay)
            return False
        OutgoingMail.objects.filter(pk=mail.pk).update(sent_at=timezone.now(), attempts=F("attempts") + 1)
        return True


def waiting() -> list[str]:
    """The letters that are due, oldest first, at most a hundred."""
    due = OutgoingMail.objects.filter(
        sent_at__isnull=True, attempts__lt=MAX_ATTEMPTS, next_attempt_at__lte=timezone.now() - timedelta(seconds=10)
    )
    return [str(pk) for pk in due.order_by("next_attempt_at").values_list("pk", flat=True)[:100]]


def verification_token(user: User) -> str:
    """A signed token that proves the address it was sent to."""
    return signing.dumps({"user": str(user.pk), "email": user.email}, salt=VERIFICATION_SALT)


def _link(page: str, **query: str) -> str:
    return f"{settings.FRONTEND_URL}/{page}?{urlencode(query)}"


def _is_moot(mail: OutgoingMail) -> bool:
    """A letter with a token is for the address its account has now: not for one it had, and not for nobody."""
    if mail.kind not in _WITH_TOKEN:
        return False
    return mail.user is None or not mail.user.is_active or mail.user.email != mail.to


def _compose(mail: OutgoingMail) -> tuple[str, str]:
    user = mail.user
    if mail.kind == MailKind.EMAIL_VERIFICATION and user is not None:
        token = verification_token(user)
        return (
            "Confirm your email address",
            (
                f"Hello {user.username},\n\nconfirm your address by opening\n{_link('verify-email', token=token)}\n\n"
                f"or by sending this token to the API:\n{token}\n\nThe link works for three days.\n"
            ),
        )
    if mail.kind == MailKind.PASSWORD_RESET and user is not None:
        uid, token = str(user.pk), default_token_generator.make_token(user)
        return (
            "Reset your password",
            (
                f"Hello {user.username},\n\nchoose a new password at\n{_link('reset-password', uid=uid, token=token)}\n\n"
                f"or send this to the API:\nuid: {uid}\ntoken: {token}\n\n"
                "The link works for one hour. If you did not ask for it, nothing has changed.\n"
            ),
        )
    if mail.kind == MailKind.PASSWORD_CHANGED and user is not None:
        return (
            "Your password was changed",
            (
                f"Hello {user.username},\n\nyour password was changed and every session was ended. "
                f"If this was not you, reset it now: {_link('forgot-password')}\n"
            ),
        )
    if mail.kind == MailKind.WEBHOOK_DISABLED and user is not None:
        return (
            "A webhook was switched off",
            (
                f"Hello {user.username},\n\nwe stopped sending webhooks to\n{mail.context.get('url', '')}\n"
                "because the receiver said that it is gone, or failed for three days.\n\n"
                "Nothing is lost: switch it on again and replay what failed or was cancelled "
                f"(POST /api/v1/webhooks/{{id}}/enable/ and /replay-failed/), or see {_link('webhooks')}\n"
            ),
        )
    if mail.kind == MailKind.USERNAME_TAKEN:
        return (
            "Choose another username",
            f"Hello,\n\nthe username you asked for is taken, so no account was made. Try another: {_link('register')}\n",
        )
    return (
        "You already have an account",
        (
            "Hello,\n\nsomebody, perhaps you, tried to register with this address. You already have an account: "
            f"sign in, or reset the password at {_link('forgot-password')}\n"
        ),
    )
