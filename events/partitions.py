"""Daily partitions of the event log, made a month ahead: without one nothing could be published."""

from datetime import date

from django.conf import settings

from core.partitions import DailyPartitions

PARTITIONS = DailyPartitions("events_event", ahead_days=30)


def keep(today: date | None = None) -> tuple[list[date], list[date]]:
    """Make the coming days' partitions and drop those past EVENT_RETENTION_DAYS; (made, dropped)."""
    return PARTITIONS.keep(retention_days=settings.EVENT_RETENTION_DAYS, today=today)
