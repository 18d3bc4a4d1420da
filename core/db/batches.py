"""Changing many rows a few at a time, so that no lock is held long."""

from collections.abc import Mapping
from typing import Any

from django.db import connection


def in_batches(statement: str, values: Mapping[str, Any], size: int) -> int:
    """Execute a statement that takes at most `%(limit)s` rows until it finds fewer than `size`; how many rows in all."""
    total: int = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, {**values, "limit": size})
            total += cursor.rowcount
            if cursor.rowcount < size:
                return total
