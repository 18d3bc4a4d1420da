"""Other ways of getting the same rows into the same table, without any rollups: what the shipper's rate is to be held against."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from analytics import statements
from bench.log_traffic import Traffic
from core.request_log import COLUMNS

_ONE_BY_ONE = 2_000
_VALUES = ", ".join("to_timestamp(%s::float8 / 1000000)" if name == "timestamp_us" else "%s" for name in COLUMNS)
_INSERT = f"INSERT INTO bench_log ({', '.join(COLUMNS).replace('timestamp_us', 'timestamp')}) VALUES ({_VALUES})"


def measure(traffic: Traffic, count: int, say: Callable[[str], None]) -> dict[str, float]:
    """Rows a second of each."""
    lines = list(traffic.lines(count, datetime.now(UTC), timedelta(minutes=5)))
    rows = [[None if field == r"\N" else field for field in line.decode().rstrip("\n").split("\t")] for line in lines]
    found = {}
    with _table(indexes=False):
        found["copy_without_indexes"] = _rate(count, lambda: _copy(lines))
    with _table():
        found["copy"] = _rate(count, lambda: _copy(lines))
    with _table():
        found["executemany"] = _rate(count, lambda: _executemany(rows))
    with _table():
        found["commit_each"] = _rate(_ONE_BY_ONE, lambda: _one_by_one(rows[:_ONE_BY_ONE]))
    for name, rate in found.items():
        say(f"without rollups, {name}: {rate:,.0f} rows/s")
    return found


@contextmanager
def _table(*, indexes: bool = True) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE bench_log (LIKE analytics_apilog {'INCLUDING INDEXES' if indexes else ''})")
        yield
        cursor.execute("DROP TABLE bench_log")


def _rate(count: int, load: Callable[[], None]) -> float:
    began = time.perf_counter()
    load()
    return count / (time.perf_counter() - began)


def _copy(lines: list[bytes]) -> None:
    """The shipper's first two steps alone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statements.PREPARE_STAGING)
        with cursor.copy(statements.COPY_STAGING) as copy:
            for line in lines:
                copy.write(line)
        cursor.execute(statements.INSERT_LOG.replace("analytics_apilog", "bench_log"))


def _executemany(rows: list[list[str | None]]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_INSERT, rows)


def _one_by_one(rows: list[list[str | None]]) -> None:
    with connection.cursor() as cursor:
        for row in rows:
            cursor.execute(_INSERT, row)
