"""Counters that gate something: exact, in the sending transaction, by one conditional UPSERT. Never derived from the log."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from uuid import UUID

from django.db import connection

from analytics.exceptions import DailyMessagesUsedUp
from core.ids import uuid7

_CONSUME = "SELECT analytics_consume_messages(%s, %s, %s, %s, %s, %s)"
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
        cursor.execute(_CONSUME, [uuid7(), user_id, now.date(), messages, media, limit])
        (total,) = cursor.fetchone()
    if total is None:
        raise used_up(limit, now)
    return Consumed(now.date(), total)


def used_up(limit: int, now: datetime) -> DailyMessagesUsedUp:
    """The refusal, until midnight where `now` is."""
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
    # By way of UTC: within one zone Python subtracts the clock's hands, and a day with a change of clocks has 23 or 25 hours.
    wait = midnight.astimezone(UTC) - now.astimezone(UTC)
    message = f"The daily limit of {limit} messages is used up; it resets at {midnight.isoformat()}."
    return DailyMessagesUsedUp(message, retry_after=wait.total_seconds())


def return_messages(*, user_id: UUID, day: date, messages: int = 1, media: int = 0) -> None:
    """Give back what was counted on `day` for something that in the end was not sent."""
    with connection.cursor() as cursor:
        cursor.execute(_RETURN, [messages, media, user_id, day])
