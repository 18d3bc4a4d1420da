"""One page of a stream: everything after a position up to the head as it was before the rows were read, or nothing.

There is no partial recovery: what is not whole (retention took a part, the epoch is another) is told as not recovered, and the
client loads its state anew. A page that ends early says `more` and is whole up to its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from events import selectors
from events.selectors import Head, StoredEvent

# Payloads may have 64 KiB: a page of 500 would be 32 MiB.
MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Position:
    """What is asked for: the events of `stream` after `since` in `epoch`, at most `limit`. None leaves it open."""

    stream: str
    since: int | None
    epoch: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered. Without `recovered` there are no events, and the client begins anew at the head."""

    stream: str
    head: Head
    recovered: bool = True
    events: Sequence[StoredEvent] = ()
    more: bool = False

    @property
    def is_news(self) -> bool:
        """Whether there is something to tell a client that waits."""
        return bool(self.events) or not self.recovered

    def meta(self) -> dict[str, Any]:
        """The stream's position, for `meta.stream`."""
        return {
            "name": self.stream,
            "epoch": self.head.epoch,
            "seq": self.head.seq,
            "recovered": self.recovered,
            "more": self.more,
        }

    def data(self) -> list[dict[str, Any]]:
        """The events as they are answered; payloads are JSON already."""
        return [
            {
                "type": event.type,
                "stream": event.stream,
                "seq": event.seq,
                "id": event.id,
                "timestamp": event.created_at,
                "data": orjson.Fragment(event.payload),
            }
            for event in self.events
        ]


def read(asked: Position, earliest: int = 0) -> Page:
    """The page, in two queries; in one when only the position is asked for or there is nothing newer. What lies before `earliest`
    is not the caller's to see.
    """
    head = selectors.head(asked.stream)
    lost = Page(asked.stream, head, recovered=False)
    if asked.epoch not in (None, head.epoch):
        return lost
    if asked.since is None or asked.since == head.seq:
        return Page(asked.stream, head)
    if asked.since > head.seq or asked.since < earliest:
        return lost
    until = min(head.seq, asked.since + asked.limit)
    found = selectors.after(asked.stream, asked.since, until=until, limit=asked.limit)
    if not selectors.is_whole(found, asked.since, until):
        return lost
    events = _within(found, MAX_BYTES)
    return Page(asked.stream, head, events=events, more=events[-1].seq < head.seq)


def _within(found: Sequence[StoredEvent], max_bytes: int) -> Sequence[StoredEvent]:
    """As many as fit, from the first, which always does."""
    size = 0
    for count, event in enumerate(found):
        size += len(event.payload)
        if size > max_bytes:
            return found[: max(1, count)]
    return found
