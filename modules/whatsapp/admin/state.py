"""What WhatsApp can tell of its state, for the state page."""

from datetime import timedelta

from django.db.models import Count
from django.utils import timezone

from core.admin_pages.state import Reading, register_section
from modules.whatsapp import selectors
from modules.whatsapp.choices import MediaStatus, MessageStatus, SessionStatus
from modules.whatsapp.models import InboundEvent, Media, Message, WhatsAppSession

BEHIND = timedelta(minutes=1)
MAX_COUNTED = 10_000
_RELAY = "Does `manage.py relay` run?"
_UNWELL = (SessionStatus.ACTION_REQUIRED, SessionStatus.FAILED)


def whatsapp_readings() -> list[Reading]:
    """Where sessions stand, and what waits. Counted up to a bound: a backlog is no small table."""
    before = timezone.now() - BEHIND
    queued = Message.objects.filter(status=MessageStatus.QUEUED).order_by()[:MAX_COUNTED].count()
    overdue = selectors.overdue(before)[:MAX_COUNTED].count()
    inbox = InboundEvent.objects.filter(processed_at=None).order_by()
    waiting, late = inbox[:MAX_COUNTED].count(), inbox.filter(due_at__lt=before).exists()
    files = Media.objects.filter(status=MediaStatus.PENDING, due_at__lt=before).order_by()[:MAX_COUNTED].count()
    return [
        *_session_readings(),
        Reading("Messages queued", f"{queued:,}", "Also those that are scheduled, paced, paused or without a connection."),
        Reading(
            "Messages overdue", f"{overdue:,}", f"Due for over a minute. {_RELAY}" if overdue else "", "danger" if overdue else ""
        ),
        Reading("Gateway events waiting", f"{waiting:,}", _RELAY if late else "", "danger" if late else ""),
        Reading("Files overdue", f"{files:,}", "To be fetched for over a minute.", "warning" if files else ""),
    ]


def _session_readings() -> list[Reading]:
    kept = WhatsAppSession.objects.order_by()
    counts = dict(kept.filter(is_suspended=False).values_list("status").annotate(count=Count("pk")))
    unwell = sum(counts.get(status, 0) for status in _UNWELL)
    told = [f"{counts[status]:,} {str(status).replace('_', ' ')}" for status in SessionStatus.values if status in counts]
    suspended = kept.filter(is_suspended=True).count()
    return [
        Reading(
            "Sessions",
            ", ".join(told) or "none",
            "Action required or failed: see their reasons." if unwell else "",
            "warning" if unwell else "",
        ),
        Reading("Sessions suspended", f"{suspended:,}", "By an administrator." if suspended else ""),
    ]


register_section("WhatsApp", whatsapp_readings, order=5)
