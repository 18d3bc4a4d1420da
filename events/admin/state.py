"""What the event log can tell of its state."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from core.admin_pages.state import Reading, register_section
from events import partitions
from events.models import PendingEvent

MAX_COUNTED = 10_000
# The relay looks each second: what is older than this waits for no good reason.
LATE = timedelta(seconds=30)


def readings() -> list[Reading]:
    """What waits for the relay, and the partitions."""
    waiting = PendingEvent.objects.all()[:MAX_COUNTED].count()
    oldest = PendingEvent.objects.order_by("event_id").values_list("created_at", flat=True).first()
    late = oldest is not None and oldest < timezone.now() - LATE
    days = partitions.PARTITIONS.existing()
    ready = bool(days) and days[-1] > datetime.now(UTC).date()
    return [
        Reading(
            "Waiting for the relay",
            f"{waiting:,}" + ("+" if waiting == MAX_COUNTED else ""),
            "Does the relay run? Webhooks come late." if late else "Handed to webhooks within a second.",
            "danger" if late else "success",
        ),
        Reading("Oldest of them", "none" if oldest is None else f"{oldest:%Y-%m-%d %H:%M:%S} UTC"),
        Reading(
            "Partitions",
            f"{len(days)}: {days[0]} to {days[-1]}" if days else "none",
            "Ready for tomorrow." if ready else "None for tomorrow: nothing can be published then. Is the worker running?",
            "success" if ready else "danger",
        ),
    ]


register_section("Event log", readings, order=3)
