"""Counters that gate something: exact, in the sending transaction, by one conditional UPSERT. Never derived from the log."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from uuid import UUID

from django.db import connection

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


@dataclass(frozen=True, slots=True)
class Consumed:
    """What was counted: on which day of the user, and that day's new total."""

    day: date
    total: int


def consume_messages(
    *, user_id: UUID, limit: int, messages: int = 1, media: int = 0, zone: tzinfo = UTC, now: datetime | None = None
) -> Consumed:
    """Count messages against a user's limit of this day in `zone` (that of `now`), in the transaction that sends.

    Raises DailyMessagesUsedUp, whose `retry_after` is the time until midnight there in seconds; nothing is counted then.
    """
    if messages < 1 or media < 0:
        raise ValueError("count at least one message")
    now = now or datetime.now(zone)
    # One statement, in the caller's transaction: a savepoint would cost two exchanges more.
    with connection.cursor() as cursor:
        cursor.execute(
            _CONSUME,
            {"id": uuid7(), "user": user_id, "date": now.date(), "messages": messages, "media": media, "limit": limit},
        )
        row = cursor.fetchone()
    if row is None:
        midnight = datetime.combine(now.date() + timedelta(days=1), time(), zone)
        # By way of UTC: within one zone Python subtracts the clock's hands, and a day with a change of clocks has 23 or 25 hours.
        wait = midnight.astimezone(UTC) - now.astimezone(UTC)
        message = f"The daily limit of {limit} messages is used up; it resets at {midnight.isoformat()}."
        raise DailyMessagesUsedUp(message, retry_after=wait.total_seconds())
    return Consumed(now.date(), int(row[0]))


def return_messages(*, user_id: UUID, day: date, messages: int = 1, media: int = 0) -> None:
    """Give back what was counted on `day` for something that in the end was not sent."""
    with connection.cursor() as cursor:
        cursor.execute(_RETURN, [messages, media, user_id, day])
