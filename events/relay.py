"""Hands committed events to their consumers (webhooks): once each, whatever is killed when.

A pending row is written with the event and deleted in the transaction in which the consumers write theirs. Announcements ring the
relay at once; each second it looks by itself, so what a crash between commit and announcement left is found too. Several
relays share the work: each skips the rows that another holds. An event that cannot be taken does not hold back the others: it
stays in its row and is tried again each minute.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator
from functools import cache
from uuid import UUID

from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction
from django.utils.module_loading import import_string
from redis.exceptions import RedisError

from core.redis import client
from core.registry import domain_apps
from events.announcing import BELL
from events.models import PendingEvent
from events.selectors import StoredEvent

log = logging.getLogger(__name__)
BATCH = 500
SWEEP_SECONDS = 1.0
# A batch that failed so often in a row is taken apart.
TRIES_TOGETHER = 3
ASIDE_SECONDS = 60.0
MAX_ASIDE = 1000
# Of so many failures in a row the cause is not in the events.
MAX_FAILURES = 10
Consumer = Callable[[list[StoredEvent]], None]
_TAKE = """
WITH taken AS (
  DELETE FROM events_pendingevent WHERE event_id = ANY(ARRAY(
    SELECT event_id FROM events_pendingevent
    WHERE event_id <> ALL(%(skip)s::uuid[]) AND (%(only)s::uuid IS NULL OR event_id = %(only)s)
    ORDER BY event_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
  )) RETURNING stream, seq, created_at
)
SELECT e.stream, e.seq, e.id, e.type, e.payload::text, e.created_at
FROM taken t JOIN events_event e ON e.stream = t.stream AND e.seq = t.seq AND e.created_at = t.created_at
ORDER BY e.id
"""


@cache
def consumers() -> tuple[Consumer, ...]:
    """What the installed apps declare as `event_consumers`."""
    return tuple(import_string(path) for config in domain_apps() for path in config.event_consumers)


def relay_once(limit: int = BATCH, *, skip: Collection[UUID] = (), only: UUID | None = None) -> int:
    """Take up to `limit` pending events and hand them to every consumer, in one transaction; how many."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, {"limit": limit, "skip": list(skip), "only": only})
            events = [StoredEvent(row[0], row[1], row[2], row[3], row[4].encode(), row[5]) for row in cursor.fetchall()]
        if events:
            for consume in consumers():
                consume(events)
    return len(events)


class Relay:
    """The loop of the relay process."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._failed = 0
        self._aside: dict[UUID, float] = {}

    def run(self) -> None:
        """Relay until `stopping` is set; an outage of PostgreSQL or Redis is waited out."""
        while not self.stopping.is_set():
            try:
                with _bell() as wait:
                    while not self.stopping.is_set():
                        self._drain()
                        wait()
            except (RedisError, OSError) as error:
                log.warning("Redis is away (%s); looking for events each second", type(error).__name__)
                self._drain()
                self.stopping.wait(SWEEP_SECONDS)

    def stop(self) -> None:
        """End `run` soon."""
        self.stopping.set()

    def _drain(self) -> None:
        try:
            while not self.stopping.is_set() and relay_once(skip=self._set_aside()):
                self._failed = 0
        except (OperationalError, InterfaceError) as error:
            log.warning("PostgreSQL is away (%s); the relay tries again", type(error).__name__)
        except Exception:
            log.exception("A consumer of events failed; the relay tries again")
            self._failed += 1
            if self._failed >= TRIES_TOGETHER:
                self._failed = 0
                self._one_by_one()
            self.stopping.wait(SWEEP_SECONDS)
        finally:
            close_old_connections()

    def _set_aside(self) -> list[UUID]:
        """The events that are not to be tried yet."""
        now = time.monotonic()
        self._aside = {event_id: until for event_id, until in self._aside.items() if until > now}
        return list(self._aside)

    def _one_by_one(self) -> None:
        """Hand over each event of a batch alone, and set aside those that fail; none when all do."""
        failed: list[UUID] = []
        try:
            waiting = PendingEvent.objects.exclude(event_id__in=self._set_aside()).order_by("event_id")
            for event_id in list(waiting.values_list("event_id", flat=True)[:BATCH]):
                if self.stopping.is_set() or len(self._aside) >= MAX_ASIDE:
                    return
                if len(failed) == MAX_FAILURES:
                    for one in failed:
                        del self._aside[one]
                    return
                try:
                    relay_once(1, only=event_id)
                except (OperationalError, InterfaceError):
                    raise
                except Exception:
                    log.exception("Event %s could not be handed over; it is tried again in a minute", event_id)
                    self._aside[event_id] = time.monotonic() + ASIDE_SECONDS
                    failed.append(event_id)
                else:
                    failed = []
        except (OperationalError, InterfaceError) as error:
            log.warning("PostgreSQL is away (%s); the relay tries again", type(error).__name__)


@contextlib.contextmanager
def _bell() -> Iterator[Callable[[], object]]:
    """A function that waits until something was announced, or for a second."""
    with client().pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
        pubsub.subscribe(BELL)

        def wait() -> None:
            if pubsub.get_message(timeout=SWEEP_SECONDS) is not None:
                # What rang meanwhile is answered by the same look.
                while pubsub.get_message(timeout=0) is not None:
                    continue

        yield wait
