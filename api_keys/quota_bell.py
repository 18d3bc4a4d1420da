"""A web process noticing that a key's daily quota is used up: no query, and no wait but the first time.

The request path writes nothing to PostgreSQL. It rings a task, whose mark in the key's row decides that the owner is told once a
day. A ring can be lost, so a process repeats it at the next refusal after REPEAT_SECONDS.
"""

import threading
import time
from datetime import UTC, datetime
from uuid import UUID

from api_keys.tasks import tell_quota_reached
from core.doorbell import ring_now

REPEAT_SECONDS = 600.0
MAX_REMEMBERED = 10_000
_rung: dict[tuple[UUID, str], float] = {}
_lock = threading.Lock()


def note_quota_used_up(key_id: UUID) -> None:
    """A request of this key was refused for its daily quota."""
    day, now = datetime.now(UTC).date().isoformat(), time.monotonic()
    if now < _rung.get((key_id, day), 0.0):
        return
    with _lock:
        if now < _rung.get((key_id, day), 0.0):
            return
        _rung.pop((key_id, day), None)
        while len(_rung) >= MAX_REMEMBERED:
            del _rung[next(iter(_rung))]
        _rung[(key_id, day)] = now + REPEAT_SECONDS
    ring_now(tell_quota_reached, str(key_id), day)


def forget() -> None:
    """Forget what was rung, for tests."""
    with _lock:
        _rung.clear()
