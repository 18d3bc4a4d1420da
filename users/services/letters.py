"""Asking for a letter: the row, then the doorbell."""

from typing import Any

from core.doorbell import ring
from users.choices import MailKind
from users.models import OutgoingMail, User
from users.tasks import deliver_mail


def ask_for_letter(*, kind: MailKind, to: str, user: User | None, context: dict[str, Any] | None = None) -> OutgoingMail:
    """Write a letter to be sent after the commit; `context` holds what its text names."""
    mail = OutgoingMail.objects.create(kind=kind, to=to, user=user, context=context or {})
    ring(deliver_mail, str(mail.pk))
    return mail
