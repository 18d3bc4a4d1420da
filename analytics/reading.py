"""Reading the log itself in bounded steps, for exports.

Each step is one keyset query, so a stream of any length costs little memory and holds no transaction open.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q

CHUNK = 2_000


def newest_first(queryset: Any, limit: int) -> Iterator[Any]:
    """At most `limit` log rows, newest first."""
    ordered = queryset.order_by("-timestamp", "-id")
    position: Any = None
    left = limit
    while left > 0:
        page = ordered
        if position is not None:
            page = page.filter(timestamp__lte=position.timestamp).filter(
                Q(timestamp__lt=position.timestamp) | Q(id__lt=position.id)
            )
        rows = list(page[: min(CHUNK, left)])
        yield from rows
        left -= len(rows)
        if len(rows) < CHUNK:
            return
        position = rows[-1]
