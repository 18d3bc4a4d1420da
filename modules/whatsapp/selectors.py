"""Reads over several models: how far a bulk is, and messages by hour."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count

from modules.whatsapp.choices import MessageStatus
from modules.whatsapp.models import Bulk, Message

_BY_HOUR = """
SELECT h, coalesce(m.arrived, 0), coalesce(m.failed, 0), coalesce(m.waiting, 0), coalesce(m.received, 0)
FROM generate_series(%(first)s::timestamptz, %(last)s::timestamptz, interval '1 hour') AS h
LEFT JOIN (
  SELECT date_trunc('hour', created_at, 'UTC') AS start,
         count(*) FILTER (WHERE status IN ('sent', 'delivered', 'read')) AS arrived,
         count(*) FILTER (WHERE status IN ('failed', 'unknown', 'cancelled')) AS failed,
         count(*) FILTER (WHERE status IN ('queued', 'sending')) AS waiting,
         count(*) FILTER (WHERE status = 'received') AS received
  FROM whatsapp_message WHERE created_at >= %(first)s GROUP BY 1
) m ON m.start = h
ORDER BY h
"""


@dataclass(frozen=True, slots=True)
class Hour:
    """What became of the messages that were accepted, and came in, in one hour."""

    start: datetime
    arrived: int
    failed: int
    waiting: int
    received: int


def progress(bulk: Bulk) -> dict[str, int]:
    """How many messages of a bulk stand where."""
    rows = Message.objects.filter(bulk=bulk).order_by().values_list("status").annotate(count=Count("pk"))
    found: dict[str, int] = dict(rows)
    return {status.value: found.get(status.value, 0) for status in MessageStatus if status != MessageStatus.RECEIVED}


def messages_by_hour(end: datetime, hours: int) -> list[Hour]:
    """The last `hours` hours up to the one `end` is in, oldest first."""
    last = end.replace(minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_BY_HOUR, {"first": last - timedelta(hours=hours - 1), "last": last})
        return [Hour(*row) for row in cursor.fetchall()]
