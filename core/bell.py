"""Bells: waking a loop in another process when there is work. The rows are the truth: a lost ring costs a second."""

import threading
import time

from django.db import transaction
from redis.exceptions import RedisError

from core.redis import RedisAway, breaker, client, publish

SWEEP_SECONDS = 1.0
# What is rung for within this time of another ring is found by the next look.
QUIET_SECONDS = 0.02


class Bell:
    """One bell; `name` is its Redis channel."""

    def __init__(self, name: str) -> None:
        self.channel = f"atelier:{name}:bell"
        self._rung_at = 0.0

    def ring_after_commit(self) -> None:
        """Wake who listens when the running transaction commits, once however often it is rung there; with Redis away they look
        by themselves.
        """
        if not any(entry[1] == self.ring for entry in transaction.get_connection().run_on_commit):
            transaction.on_commit(self.ring)

    def ring(self) -> None:
        """Wake who listens, now; who was woken a moment ago is still looking."""
        now = time.monotonic()
        if now - self._rung_at < QUIET_SECONDS:
            return
        self._rung_at = now
        try:
            breaker().call(lambda redis: publish(redis, [(self.channel, b"1")]))
        except RedisAway:
            return

    def listen(self, wake: threading.Event, stopping: threading.Event) -> None:
        """Set `wake` at each ring, until `stopping`. Runs in a thread of its own; an outage of Redis is waited out."""
        while not stopping.is_set():
            try:
                with client().pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
                    pubsub.subscribe(self.channel)
                    while not stopping.is_set():
                        if pubsub.get_message(timeout=SWEEP_SECONDS) is not None:
                            wake.set()
            except (RedisError, OSError):
                stopping.wait(SWEEP_SECONDS)
