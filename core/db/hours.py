"""Counting the rows of a table by the hour in which they were made."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection


def count_by_hour(table: str, conditions: Mapping[str, str], end: datetime, hours: int) -> list[tuple[Any, ...]]:
    """(hour in UTC, how many rows meet each condition) for the last `hours` hours up to the one `end` is in, oldest first.

    `conditions` are names and SQL of our own over a table with `created_at`.
    """
    counts = ", ".join(f"count(*) FILTER (WHERE {condition}) AS {name}" for name, condition in conditions.items())
    statement = f"""
    SELECT h, {", ".join(f"coalesce(c.{name}, 0)" for name in conditions)}
    FROM generate_series(%(first)s::timestamptz, %(last)s::timestamptz, interval '1 hour') AS h
    LEFT JOIN (
      SELECT date_trunc('hour', created_at, 'UTC') AS start, {counts} FROM {table} WHERE created_at >= %(first)s GROUP BY 1
    ) c ON c.start = h
    ORDER BY h
    """
    last = end.replace(minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(statement, {"first": last - timedelta(hours=hours - 1), "last": last})
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
