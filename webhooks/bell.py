"""Ringing the senders when there is something to send. The rows are the truth: a lost ring costs a second."""

import threading

from django.db import transaction
from redis.exceptions import RedisError

from core.redis import RedisAway, breaker, client

CHANNEL = "atelier:webhooks:bell"
SWEEP_SECONDS = 1.0


def ring_after_commit() -> None:
    """Wake the senders when the running transaction commits; with Redis away they look by themselves."""
    transaction.on_commit(_ring)


def _ring() -> None:
    try:
        breaker().call(lambda redis: redis.publish(CHANNEL, b"1"))
    except RedisAway:
        return


def listen(wake: threading.Event, stopping: threading.Event) -> None:
    """Set `wake` at each ring, until `stopping`. Runs in a thread of its own; an outage of Redis is waited out."""
    while not stopping.is_set():
        try:
            with client().pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
                pubsub.subscribe(CHANNEL)
                while not stopping.is_set():
                    if pubsub.get_message(timeout=SWEEP_SECONDS) is not None:
                        wake.set()
        except (RedisError, OSError):
            stopping.wait(SWEEP_SECONDS)
