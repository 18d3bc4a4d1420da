"""When a failed delivery is tried again."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Before the first try, the second, and so on: about three days in all.
DELAYS = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MAX_TRIES = len(DELAYS)
JITTER = 0.1
MAX_RETRY_AFTER = timedelta(hours=24)
_chance = random.SystemRandom()


def next_delay(tries: int, retry_after: timedelta | None = None) -> timedelta | None:
    """How long to wait after `tries` failed ones (from 1); None after the last.

    Within 10 % of the schedule, so that many deliveries that failed together do not come back together. What the receiver asked
    for in Retry-After is waited out, up to a day, and never lengthened below the schedule.
    """
    if tries >= MAX_TRIES:
        return None
    delay = DELAYS[tries] * _chance.uniform(1 - JITTER, 1 + JITTER)
    return max(delay, min(retry_after, MAX_RETRY_AFTER)) if retry_after is not None else delay


def parse_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """Retry-After as seconds or as an HTTP date; None when there is none or it says nothing. Never negative."""
    if not text or len(text) > 64:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return min(timedelta(seconds=min(int(text), 10**9)), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return min(max(moment - now, timedelta(0)), MAX_RETRY_AFTER)
