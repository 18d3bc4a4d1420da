"""Daily partitions of a table: made ahead, dropped when old. Dropping a day costs milliseconds, deleting it minutes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction


@dataclass(frozen=True, slots=True)
class DailyPartitions:
    """The partitions of one table, by UTC day: `<table>_pYYYYMMDD`."""

    table: str
    ahead_days: int

    def name(self, day: date) -> str:
        """The name of a day's partition."""
        return f"{self.table}_p{day:%Y%m%d}"

    def existing(self) -> list[date]:
        """The days that have a partition, oldest first."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
                "WHERE i.inhparent = to_regclass(%s) ORDER BY c.relname",
                [self.table],
            )
            names = [row[0] for row in cursor.fetchall()]
        return [datetime.strptime(name.rpartition("_p")[2], "%Y%m%d").replace(tzinfo=UTC).date() for name in names]

    def ensure(self, days: Iterable[date]) -> list[date]:
        """Make the missing partitions; which ones were made. Two makers at once wait for each other."""
        missing = sorted(set(days) - set(self.existing()))
        if missing:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{self.table}.partitions"])
                for day in missing:
                    cursor.execute(
                        f"CREATE TABLE IF NOT EXISTS {self.name(day)} PARTITION OF {self.table} "
                        f"FOR VALUES FROM ('{day} 00:00:00+00') TO ('{day + timedelta(days=1)} 00:00:00+00')"
                    )
        return missing

    def keep(self, *, retention_days: int, today: date | None = None) -> tuple[list[date], list[date]]:
        """Make the coming days' partitions and drop those past retention; (made, dropped)."""
        today = today or datetime.now(UTC).date()
        made = self.ensure(today + timedelta(days=ahead) for ahead in range(self.ahead_days + 1))
        oldest = today - timedelta(days=retention_days)
        dropped = [day for day in self.existing() if day < oldest]
        with connection.cursor() as cursor:
            for day in dropped:
                cursor.execute(f"DROP TABLE IF EXISTS {self.name(day)}")
        return made, dropped
