"""How fast people write and rooms take messages: a rate with a burst, kept as one time beside what it limits.

The generic cell rate algorithm: `paced_until` is when all that was let through would have come at the rate. Its row is locked
while a message is taken, so it is exact in every process without asking anybody.
"""

from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from django.conf import settings

from core.limits import Policy, parse_policy


class Paced(NamedTuple):
    """Whether it may pass; then the new time, else how long to wait."""

    until: datetime
    wait: timedelta

    @property
    def passes(self) -> bool:
        """Whether it may pass now."""
        return self.wait <= timedelta()


def pace(policy: Policy, until: datetime | None, now: datetime) -> Paced:
    """One more at `now`: at most `quota` at once, and in the long run `quota` in each window."""
    # Rounded down, so that a whole burst fits into its window.
    interval = timedelta(seconds=policy.window) // policy.quota
    after = max(until or now, now) + interval
    return Paced(after, after - now - timedelta(seconds=policy.window))


@cache
def sender_policy() -> Policy:
    """How fast one person writes in a room."""
    return parse_policy("chat_sender", settings.CHAT_LIMIT_SENDER)


@cache
def guest_policy() -> Policy:
    """How fast a guest does."""
    return parse_policy("chat_guest", settings.CHAT_LIMIT_GUEST)


@cache
def room_policy() -> Policy:
    """How fast a room takes messages of all together."""
    return parse_policy("chat_room", settings.CHAT_LIMIT_ROOM)
