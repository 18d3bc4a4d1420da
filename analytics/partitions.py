"""Daily partitions of the request log."""

from collections.abc import Iterable
from datetime import date

from django.conf import settings

from core.partitions import DailyPartitions

TABLE = "analytics_apilog"
AHEAD_DAYS = 3
PARTITIONS = DailyPartitions(TABLE, ahead_days=AHEAD_DAYS)


def existing() -> list[date]:
    """The days that have a partition, oldest first."""
    return PARTITIONS.existing()


def ensure(days: Iterable[date]) -> list[date]:
    """Make the missing partitions; which ones were made."""
    return PARTITIONS.ensure(days)


def keep(today: date | None = None) -> tuple[list[date], list[date]]:
    """Make the coming days' partitions and drop those past REQUEST_LOG_RETENTION_DAYS; (made, dropped)."""
    return PARTITIONS.keep(retention_days=settings.REQUEST_LOG_RETENTION_DAYS, today=today)
