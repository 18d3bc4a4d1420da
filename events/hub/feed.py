"""One stream in one process: where it stands, its last frames, and who follows it."""

import asyncio
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode

RING_FRAMES = 256
RING_BYTES = 256 * 1024
HELD_FRAMES = 512
# Given to so many at a time, so that a stream with thousands of followers delays those of the others by a millisecond or so.
SPREAD_AT_ONCE = 64


class Frame:
    """One message as sent to each connection: the JSON text and, made once, the WebSocket frame around it.

    `seq` is 0 for what has no position: it may be dropped.
    """

    __slots__ = ("seq", "text", "wire")

    def __init__(self, text: bytes, seq: int = 0) -> None:
        self.text = text
        self.seq = seq
        self.wire = WireFrame(Opcode.TEXT, text).serialize(mask=False)


class Subscriber(Protocol):
    """A connection as the hub sees it."""

    def deliver(self, frame: Frame) -> None:
        """Send or queue a frame; never waits."""


class Feed:
    """The stream's position here (`epoch`, `seq`), the ring of its last frames, and frames that came too early.

    `seq` grows by one with each frame given to the subscribers: none is skipped, none is given twice.
    """

    __slots__ = (
        *("name", "epoch", "seq", "ring", "_ring_bytes", "held", "filling", "ready"),
        *("subscribers", "inbox", "outbox", "_rest", "queued", "idle_since"),
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.epoch = ""
        self.seq = -1
        self.ring: deque[Frame] = deque()
        self._ring_bytes = 0
        self.held: dict[int, Frame] = {}
        # With each, where the stream stood when it joined: it has all up to there.
        self.subscribers: dict[Subscriber, int] = {}
        self.inbox: deque[tuple[str, int, bytes]] = deque()
        self.outbox: deque[Frame] = deque()
        self._rest: Iterator[Subscriber] | None = None
        self.queued = False
        self.filling = False
        self.idle_since = 0.0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def started(self) -> bool:
        """Whether the position is known."""
        return self.seq >= 0

    def place(self, epoch: str, seq: int) -> None:
        """Stand at a position; what is in the ring belongs to another place, and what is held of another epoch means nothing."""
        if self.started and epoch != self.epoch:
            self.held = {}
        self.epoch, self.seq = epoch, seq
        self.ring.clear()
        self._ring_bytes = 0
        self.held = {early: frame for early, frame in self.held.items() if early > seq}

    def emit(self, frame: Frame) -> None:
        """Take the frame with the next seq: what follows now has it in `since`, the others are given it by `spread`."""
        self.seq = frame.seq
        self.ring.append(frame)
        self._ring_bytes += len(frame.text)
        while len(self.ring) > RING_FRAMES or self._ring_bytes > RING_BYTES:
            self._ring_bytes -= len(self.ring.popleft().text)
        self.outbox.append(frame)

    def spread(self) -> int:
        """Give the oldest frame of the outbox to the next SPREAD_AT_ONCE of those who follow; to how many."""
        frame = self.outbox[0]
        if self._rest is None:
            self._rest = iter(tuple(self.subscribers))
        given = reached = 0
        for subscriber in islice(self._rest, SPREAD_AT_ONCE):
            reached += 1
            # Who left meanwhile gets no more, who came back meanwhile was told this one.
            joined = self.subscribers.get(subscriber)
            if joined is not None and (joined < frame.seq or frame.seq == 0):
                subscriber.deliver(frame)
                given += 1
        if reached < SPREAD_AT_ONCE:
            self.outbox.popleft()
            self._rest = None
        return given

    def hold(self, frame: Frame) -> None:
        """Keep a frame that came before its predecessors; beyond a bound, the database has it."""
        if len(self.held) < HELD_FRAMES:
            self.held[frame.seq] = frame

    def since(self, seq: int) -> list[Frame] | None:
        """The frames after `seq` up to here; None when the ring does not reach back so far."""
        missing = self.seq - seq
        if missing < 0 or missing > len(self.ring):
            return None
        return list(islice(self.ring, len(self.ring) - missing, None))
