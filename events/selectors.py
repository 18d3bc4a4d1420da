"""Reads of the log: heads of streams, what follows a position, and the events a caller may list."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from events import frames
from events.models import LogState, Stream

_AFTER = """
SELECT seq, id, type, payload::text, created_at FROM events_event
WHERE stream = %s AND seq > %s AND seq <= %s ORDER BY seq LIMIT %s
"""
_BEFORE = "SELECT seq FROM events_event WHERE stream = %s AND created_at < %s ORDER BY seq DESC LIMIT 1"
_LAST = 9_223_372_036_854_775_807


class Head(NamedTuple):
    """The last position of a stream; seq 0 when nothing was published yet."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as read back; `payload` is JSON text."""

    stream: str
    seq: int
    id: UUID
    type: str
    payload: bytes
    created_at: datetime

    def frame(self) -> bytes:
        """The frame that its publisher announced; the payload's spaces and order of names are PostgreSQL's."""
        return frames.event_frame(
            kind=self.type, stream=self.stream, seq=self.seq, event_id=self.id, created_at=self.created_at, payload=self.payload
        )


def heads(streams: Iterable[str]) -> dict[str, Head]:
    """The head of each stream, in one query; a stream without events stands at 0 in the log's epoch."""
    names = list(streams)
    known = {row.key: Head(row.epoch, row.seq) for row in Stream.objects.filter(key__in=names)}
    if len(known) < len(names):
        epoch = LogState.objects.values_list("epoch", flat=True).get()
        known |= {name: Head(epoch, 0) for name in names if name not in known}
    return known


def head(stream: str) -> Head:
    """The head of one stream."""
    return heads([stream])[stream]


def last_before(stream: str, moment: datetime) -> int:
    """The seq of the last kept event of a stream that is older than `moment`; 0 where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE, [stream, moment])
        row = cursor.fetchone()
        return row[0] if row else 0


def after(stream: str, since: int, *, until: int = _LAST, limit: int) -> list[StoredEvent]:
    """The events with since < seq <= until, by seq, at most `limit`."""
    with connection.cursor() as cursor:
        cursor.execute(_AFTER, [stream, since, until, limit])
        return [StoredEvent(stream, row[0], row[1], row[2], row[3].encode(), row[4]) for row in cursor.fetchall()]


def recover(stream: str, since: int, until: int, *, limit: int, max_bytes: int) -> list[StoredEvent] | None:
    """All events with since < seq <= until; None when they are too many, too large, or partly past retention."""
    if until - since > limit:
        return None
    found = after(stream, since, until=until, limit=limit)
    if not is_whole(found, since, until) or sum(len(event.payload) for event in found) > max_bytes:
        return None
    return found


def is_whole(found: Sequence[StoredEvent], since: int, until: int) -> bool:
    """Whether `found` is every event of the range."""
    return len(found) == until - since and (not found or (found[0].seq == since + 1 and found[-1].seq == until))
