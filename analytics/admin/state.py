"""What the request log can tell of its state."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Sum

from analytics import partitions
from analytics.admin.usage import size
from analytics.models import SpoolFile
from analytics.shipping import bytes_waiting
from core.admin_pages.state import Reading, register_section
from core.request_log import spool_state


def log_readings() -> list[Reading]:
    """The spool of this host, what is loaded, what was lost, the partitions."""
    spool = spool_state()
    waiting = bytes_waiting(settings.SPOOL_DIR)
    rejected = SpoolFile.objects.aggregate(total=Sum("rejected_rows"))["total"] or 0
    newest = SpoolFile.objects.order_by("-updated_at").values_list("updated_at", flat=True).first()
    full = waiting > settings.SPOOL_MAX_BYTES // 2
    return [
        Reading(
            "Waiting on this host",
            size(waiting),
            f"In {spool.files} files of {size(spool.bytes)}, bounded at {size(settings.SPOOL_MAX_BYTES)}.",
            "danger" if full else "success",
        ),
        Reading("Last load", "never" if newest is None else f"{newest:%Y-%m-%d %H:%M:%S} UTC", "By any host's shipper."),
        Reading(
            "Dropped rows",
            f"{spool.dropped_rows:,}",
            "Oldest rows of a full or failing disk.",
            "danger" if spool.dropped_rows else "",
        ),
        Reading(
            "Rejected rows", f"{rejected:,}", "Lines the database refused, set aside on disk.", "warning" if rejected else ""
        ),
        _partitions(),
    ]


def _partitions() -> Reading:
    days = partitions.existing()
    if not days:
        return Reading("Partitions", "none", "The first load makes its own.", "warning")
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    ready = days[-1] >= tomorrow
    remark = "Ready for tomorrow." if ready else "None for tomorrow: is the worker running? A load makes what it needs."
    return Reading("Partitions", f"{len(days)}: {days[0]} to {days[-1]}", remark, "success" if ready else "warning")


register_section("Request log", log_readings, order=2)
