"""Daily partitions of the request log: made ahead, dropped when old. Dropping a day costs milliseconds, deleting it minutes."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

TABLE = "analytics_apilog"
AHEAD_DAYS = 3


def _name(day: date) -> str:
    return f"{TABLE}_p{day:%Y%m%d}"


def existing() -> list[date]:
    """The days that have a partition, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = to_regclass(%s) ORDER BY c.relname",
            [TABLE],
        )
        names = [row[0] for row in cursor.fetchall()]
    return [datetime.strptime(name.rpartition("_p")[2], "%Y%m%d").replace(tzinfo=UTC).date() for name in names]


def ensure(days: Iterable[date]) -> list[date]:
    """Make the missing partitions; which ones were made. Two makers at once wait for each other."""
    missing = sorted(set(days) - set(existing()))
    if missing:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('analytics.partitions', 0))")
            for day in missing:
                cursor.execute(
                    f"CREATE TABLE IF NOT EXISTS {_name(day)} PARTITION OF {TABLE} "
                    f"FOR VALUES FROM ('{day} 00:00:00+00') TO ('{day + timedelta(days=1)} 00:00:00+00')"
                )
    return missing


def keep(today: date | None = None) -> tuple[list[date], list[date]]:
    """Make the coming days' partitions and drop those past retention; (made, dropped)."""
    today = today or datetime.now(UTC).date()
    made = ensure(today + timedelta(days=ahead) for ahead in range(AHEAD_DAYS + 1))
    oldest = today - timedelta(days=settings.REQUEST_LOG_RETENTION_DAYS)
    dropped = [day for day in existing() if day < oldest]
    with connection.cursor() as cursor:
        for day in dropped:
            cursor.execute(f"DROP TABLE IF EXISTS {_name(day)}")
    return made, dropped
