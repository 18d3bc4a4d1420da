"""Counters that gate something: exact, in the sending transaction, by one conditional UPSERT. Never derived from the log."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db import connection, transaction

from analytics.exceptions import DailyMessagesUsedUp
from core.ids import uuid7

_CONSUME = """
INSERT INTO analytics_usagestats AS kept
  (id, user_id, date, messages_sent, media_sent, api_requests, errors, bytes_in, bytes_out, modules)
SELECT %(id)s, %(user)s, %(date)s, %(messages)s, %(media)s, 0, 0, 0, 0, '{}' WHERE %(messages)s <= %(limit)s
ON CONFLICT (user_id, date) DO UPDATE SET
  messages_sent = kept.messages_sent + excluded.messages_sent, media_sent = kept.media_sent + excluded.media_sent
WHERE kept.messages_sent + excluded.messages_sent <= %(limit)s
RETURNING messages_sent
"""
_RETURN = """
UPDATE analytics_usagestats SET messages_sent = greatest(0, messages_sent - %s), media_sent = greatest(0, media_sent - %s)
WHERE user_id = %s AND date = %s
"""


def consume_messages(*, user_id: UUID, limit: int, messages: int = 1, media: int = 0) -> int:
    """Count messages against a user's limit of this UTC day, in the transaction that sends; the day's new total.

    Raises DailyMessagesUsedUp, whose `retry_after` is the time until midnight UTC in seconds; nothing is counted then.
    """
    if messages < 1 or media < 0:
        raise ValueError("count at least one message")
    now = datetime.now(UTC)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _CONSUME,
            {"id": uuid7(), "user": user_id, "date": now.date(), "messages": messages, "media": media, "limit": limit},
        )
        row = cursor.fetchone()
    if row is None:
        midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
        raise DailyMessagesUsedUp(retry_after=(midnight - now).total_seconds())
    return int(row[0])


def return_messages(*, user_id: UUID, day: date, messages: int = 1, media: int = 0) -> None:
    """Give back what was counted on `day` for something that in the end was not sent."""
    with connection.cursor() as cursor:
        cursor.execute(_RETURN, [messages, media, user_id, day])
