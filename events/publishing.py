"""`publish`: an event and its place in the stream, in the caller's transaction.

The stream's row is locked until the transaction ends, so seqs are taken in the order of commits and none is lost to a rollback.
Whoever publishes to several streams in one transaction does so in one order everywhere (by name), or may wait for another in a
circle until PostgreSQL breaks it; short transactions that publish last hold the lock for the shortest time.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from core.ids import uuid7_text
from events import frames
from events.announcing import after_commit, announcement, send

MAX_PAYLOAD_BYTES = 64 * 1024
_PUBLISH = "SELECT place, era FROM events_publish(%s::uuid, %s, %s, %s::jsonb, %s)"


@dataclass(frozen=True, slots=True)
class Position:
    """Where an event is: the stream's epoch and the event's seq in it. Seqs begin at 1 and have no gaps."""

    epoch: str
    seq: int


def publish(event: Any, *, stream: str) -> Position:
    """Append an event of the catalogue to `stream` (`<kind>:<id>`); it is announced when the transaction commits.

    Raises TypeError for an event that is not in the catalogue, ValueError for a payload over 64 KiB, and
    TransactionManagementError outside a transaction: an event without the change it tells of would be a lie.
    """
    kind: str | None = getattr(event, "event_type", None)
    if kind is None:
        raise TypeError(f"{type(event).__name__} is not in the catalogue")
    connection.validate_no_broken_transaction()
    if not connection.in_atomic_block:
        raise TransactionManagementError("publish() belongs into the transaction of the change")
    payload = frames.encode(event)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"The payload of {kind} has {len(payload)} bytes; {MAX_PAYLOAD_BYTES} are allowed")
    now, event_id = timezone.now(), uuid7_text()
    with connection.cursor() as cursor:
        cursor.execute(_PUBLISH, [event_id, stream, kind, payload.decode(), now])
        seq, epoch = cursor.fetchone()
    frame = frames.event_frame(kind=kind, stream=stream, seq=seq, event_id=event_id, created_at=now, payload=payload)
    after_commit(stream, announcement(epoch, seq, frame))
    return Position(epoch, seq)


def publish_ephemeral(kind: str, payload: Any, *, stream: str) -> None:
    """Tell those who are connected right now (somebody is typing): kept nowhere, may be dropped, never waits for anything."""
    send([(stream, announcement("-", 0, frames.ephemeral_frame(kind=kind, stream=stream, payload=frames.encode(payload))))])
