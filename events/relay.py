"""Hands committed events to their consumers (webhooks): once each, whatever is killed when.

A pending row is written with the event and deleted in the transaction in which the consumers write theirs. Announcements ring the
relay at once; each second it looks by itself, so what a crash between commit and announcement left is found too. Several
relays share the work: each skips the rows that another holds. An event that cannot be taken does not hold back the others: it
stays in its row and is tried again each minute.
"""

import logging
import time
from collections.abc import Callable, Collection
from functools import cache
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils.module_loading import import_string

from core.bell import SWEEP_SECONDS
from core.dispatcher import Worker
from core.registry import domain_apps
from events.announcing import BELL
from events.models import PendingEvent
from events.selectors import StoredEvent

log = logging.getLogger(__name__)
BATCH = 500
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


class Relay(Worker):
    """The loop of the relay process."""

    bell = BELL
    name = "relay"

    def __init__(self) -> None:
        super().__init__()
        self._failed = 0
        self._aside: dict[UUID, float] = {}

    def turn(self) -> None:
        """Hand over what is pending."""
        try:
            while not self.stopping.is_set() and relay_once(skip=self._set_aside()):
                self._failed = 0
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("A consumer of events failed; the relay tries again")
            self._failed += 1
            if self._failed >= TRIES_TOGETHER:
                self._failed = 0
                self._one_by_one()
            self.stopping.wait(SWEEP_SECONDS)

    def _set_aside(self) -> list[UUID]:
        """The events that are not to be tried yet."""
        now = time.monotonic()
        self._aside = {event_id: until for event_id, until in self._aside.items() if until > now}
        return list(self._aside)

    def _one_by_one(self) -> None:
        """Hand over each event of a batch alone, and set aside those that fail; none when all do."""
        failed: list[UUID] = []
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
