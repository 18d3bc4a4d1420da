"""Waiting for something new in a web process, where each waiting request holds a thread: only a few may at a time.

The announcement on Redis ends a wait at once. Every second the log itself is asked too, so with Redis away, or an announcement
lost, waiting costs time and no event.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection
from redis import Redis
from redis.exceptions import RedisError

from api.v1.events.reading import Page
from core.redis import RedisAway, breaker
from events.announcing import channel

LOOK_SECONDS = 1.0
# In the ASGI scope of a request: whether the realtime process has let it wait already.
WAITED = "atelier.waited"


@cache
def _places(number: int) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(number)


def wait_for_news(stream: str, seconds: float, look: Callable[[], Page]) -> Page | None:
    """Call `look` until it finds news, at the latest after `seconds`; the last page. None when too many are waiting already.

    What `look` raises ends the wait. The database connection is in the pool while nothing is done with it.
    """
    places = _places(settings.LONG_POLLS_PER_PROCESS)
    if not places.acquire(blocking=False):
        return None
    try:
        end = time.monotonic() + seconds
        # Subscribed before the first look: what is published between the two is heard.
        with _announcements(stream) as hear:
            while not (page := look()).is_news and (left := end - time.monotonic()) > 0:
                _give_connection_back()
                hear(min(left, LOOK_SECONDS))
            return page
    finally:
        places.release()


def _give_connection_back() -> None:
    # A transaction around the request would end with its connection.
    if not connection.in_atomic_block:
        connection.close()


@contextlib.contextmanager
def _announcements(stream: str) -> Iterator[Callable[[float], None]]:
    """A function that returns when an event of the stream is announced, at the latest after so many seconds."""
    with contextlib.ExitStack() as stack:
        pubsub: Any = None
        with contextlib.suppress(RedisAway):
            pubsub = breaker().call(lambda redis: _subscribed(redis, stream))
            stack.callback(_close, pubsub)

        def hear(seconds: float) -> None:
            nonlocal pubsub
            end = time.monotonic() + seconds
            try:
                while pubsub is not None and (left := end - time.monotonic()) > 0:
                    message = pubsub.get_message(timeout=left)
                    if message is not None and _tells_of_an_event(message):
                        return
            except (RedisError, OSError):
                pubsub = None
            time.sleep(max(0.0, end - time.monotonic()))

        yield hear


def _subscribed(redis: "Redis", stream: str) -> Any:
    """A subscription that the server has confirmed."""
    pubsub = redis.pubsub()  # type: ignore[no-untyped-call]
    try:
        pubsub.subscribe(channel(stream))
        if pubsub.get_message(timeout=settings.REDIS_TIMEOUT_SECONDS) is None:
            raise RedisError("A subscription was not confirmed in time")
    except BaseException:
        _close(pubsub)
        raise
    return pubsub


def _close(pubsub: Any) -> None:
    with contextlib.suppress(RedisError, OSError):
        pubsub.close()


def _tells_of_an_event(message: dict[str, Any]) -> bool:
    """Ephemeral frames have the seq 0 and are not in the log."""
    data = message.get("data")
    return message.get("type") == "message" and isinstance(data, bytes) and data.split(b" ", 2)[1:2] != [b"0"]
