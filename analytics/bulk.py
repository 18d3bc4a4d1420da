"""Reading rollups in bulk, for sums over tens of thousands of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

# Tens of thousands of rollups make a few hundred groups, but the planner expects as many as there are rows: it would sort all of
# them, on disk, or start workers, which takes longer than the work.
_SETTINGS = "SELECT set_config('work_mem', '32MB', true), set_config('max_parallel_workers_per_gather', '0', true)"


@contextmanager
def in_bulk() -> Iterator[None]:
    """A transaction for queries that group many rollups: in memory, by one process of the database."""
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
        yield


def fetch(queryset: Any) -> list[tuple[Any, ...]]:
    """The rows of a `values_list` as the driver has them: Django would look at each number of thousands again."""
    sql, parameters = queryset.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
