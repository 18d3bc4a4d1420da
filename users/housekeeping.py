"""Removing what has run out: ended sessions after a month, letters after a week.

A guest is deactivated a month after its end, not deleted: what it wrote must not lose its author.
"""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from users.models import OutgoingMail, Session, User

SESSION_MEMORY = timedelta(days=30)
MAIL_MEMORY = timedelta(days=7)
GUEST_MEMORY = timedelta(days=30)


def purge() -> dict[str, int]:
    """Remove the remains; how many of each."""
    now = timezone.now()
    ended = Q(expires_at__lt=now - SESSION_MEMORY) | Q(revoked_at__lt=now - SESSION_MEMORY)
    guests = User.objects.filter(is_guest=True, guest_expires_at__lt=now - GUEST_MEMORY, is_active=True)
    return {
        "sessions": Session.objects.filter(ended).delete()[0],
        "mails": OutgoingMail.objects.filter(created_at__lt=now - MAIL_MEMORY).delete()[0],
        "guests": guests.update(is_active=False, updated_at=now),
    }
