"""`publish`: an event and its place in the stream, in the caller's transaction.

What a transaction publishes is written by one statement, sent with its commit (or before a savepoint in it begins or ends),
sorted by stream. The stream's row is locked from then on, so seqs are taken in the order of commits and none is lost to a
rollback. Without savepoints after it the lock is held for no longer than the commit takes, and transactions that publish to
several streams cannot wait for each other in a circle; with them streams are locked in several steps, and PostgreSQL may have to
break a circle.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from core.db.base import Ahead, Statement, write_ahead
from core.ids import uuid7_text
from events import frames
from events.announcing import BELL, announcement, send

MAX_PAYLOAD_BYTES = 64 * 1024
# What waits in memory for the commit; more is written in between.
MAX_WAITING_EVENTS = 200
MAX_WAITING_BYTES = 1024 * 1024
_PUBLISH = "SELECT places, eras FROM events_publish(%s, %s)"


@dataclass(frozen=True, slots=True)
class Position:
    """Where an event is: the stream's epoch and the event's seq in it. Seqs begin at 1 and have no gaps."""

    epoch: str
    seq: int


class Published:
    """An event that was published. Asking where it is writes it, and holds the stream's lock from then on."""

    __slots__ = ("_batch", "_place", "kind", "payload", "stream")

    def __init__(self, batch: "_Batch", *, kind: str, stream: str, payload: bytes) -> None:
        self.kind = kind
        self.stream = stream
        self.payload = payload
        self._batch = batch
        self._place: Position | None = None

    @property
    def position(self) -> Position:
        """Where it is. Raises TransactionManagementError when what it was published in was rolled back before anybody asked."""
        if self._place is None and any(entry[1] is self._batch for entry in connection.run_on_commit):
            write_ahead()
        if self._place is None:
            raise TransactionManagementError("The event was never written: its transaction was rolled back")
        return self._place

    @property
    def seq(self) -> int:
        """Its number in the stream."""
        return self.position.seq

    @property
    def epoch(self) -> str:
        """The stream's epoch."""
        return self.position.epoch


class _Batch(Ahead):
    """What one transaction publishes under the same savepoints, which share their fate."""

    def __init__(self) -> None:
        self._waiting: list[Published] = []
        self._writing: list[tuple[Published, str]] = []
        self._now = timezone.now()
        self._bytes = 0
        self._written: list[tuple[Published, str, datetime]] = []

    def add(self, one: Published) -> None:
        """Keep it until the commit, or write what has gathered."""
        self._waiting.append(one)
        self._bytes += len(one.payload)
        if len(self._waiting) >= MAX_WAITING_EVENTS or self._bytes >= MAX_WAITING_BYTES:
            write_ahead()

    def statement(self) -> Statement | None:
        """What waits, in the same order everywhere; within a stream in that of publishing."""
        if not self._waiting:
            return None
        self._writing = [(one, uuid7_text()) for one in sorted(self._waiting, key=lambda one: one.stream)]
        self._waiting, self._bytes, self._now = [], 0, timezone.now()
        rows = [
            {"id": event_id, "stream": one.stream, "type": one.kind, "payload": orjson.Fragment(one.payload)}
            for one, event_id in self._writing
        ]
        # One parameter: the driver takes longer over four arrays than all of the rest.
        return _PUBLISH, [orjson.dumps(rows).decode(), self._now]

    def written(self, rows: list[tuple[Any, ...]]) -> None:
        """Where they are."""
        for (one, event_id), seq, epoch in zip(self._writing, *rows[0], strict=True):
            one._place = Position(epoch, seq)
            self._written.append((one, event_id, self._now))

    def __call__(self) -> None:
        """Tell the processes that hold sockets, and the relay."""
        send([_announced(*one) for one in self._written])
        BELL.ring()


def _announced(one: Published, event_id: str, moment: datetime) -> tuple[str, bytes]:
    place = one.position
    frame = frames.event_frame(
        kind=one.kind, stream=one.stream, seq=place.seq, event_id=event_id, created_at=moment, payload=one.payload
    )
    return one.stream, announcement(place.epoch, place.seq, frame)


def publish(event: Any, *, stream: str) -> Published:
    """Append an event of the catalogue to `stream` (`<kind>:<id>`): written with the commit and announced after it.

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
    batch = _batch()
    one = Published(batch, kind=kind, stream=stream, payload=payload)
    batch.add(one)
    return one


def publish_ephemeral(kind: str, payload: Any, *, stream: str) -> None:
    """Tell those who are connected right now (somebody is typing): kept nowhere, may be dropped, never waits for anything."""
    send([(stream, announcement("-", 0, frames.ephemeral_frame(kind=kind, stream=stream, payload=frames.encode(payload))))])


def _batch() -> _Batch:
    """That of the running transaction and savepoints."""
    under = set(connection.savepoint_ids)
    for entry in reversed(connection.run_on_commit):
        if isinstance(entry[1], _Batch):
            if entry[0] == under:
                return entry[1]
            break
    batch = _Batch()
    connection.on_commit(batch)
    return batch
