"""Keeps every followed stream in step with PostgreSQL and gives each event to its followers once, in order."""

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass

import orjson
from django.db import DatabaseError

from events import selectors
from events.hub.background import Tasks
from events.hub.feed import Feed, Frame, Subscriber
from events.hub.listening import Listener
from events.hub.threads import Threads
from events.selectors import Head, StoredEvent

log = logging.getLogger(__name__)
GAP_SECONDS = 0.2
COMPARE_SECONDS = 3.0
COMPARE_SECONDS_WITHOUT_REDIS = 0.5
LINGER_SECONDS = 30.0
INBOX_FRAMES = 2048
FILL_EVENTS = 500
RECOVER_EVENTS = 2_000
RECOVER_BYTES = 1024 * 1024
RECOVERIES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a subscription begins: the position here, and what came after the asked one (None: it cannot be recovered)."""

    epoch: str
    seq: int
    frames: list[Frame] | None


class Hub:
    """Streams of this process. `threads` runs what reads the database."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._listener = Listener(self._announced, self._reconnected)
        self._feeds: dict[str, Feed] = {}
        self._ready: deque[Feed] = deque()
        self._turning = False
        self._compare_now = asyncio.Event()
        self._recovering = asyncio.Semaphore(RECOVERIES_AT_ONCE)
        self._tasks = Tasks()
        self.delivered = 0

    @property
    def streams(self) -> int:
        """How many streams are followed here."""
        return len(self._feeds)

    def start(self) -> None:
        """Begin to listen and to compare."""
        self._tasks.spawn(self._listener.run())
        self._tasks.spawn(self._compare_forever())

    async def stop(self) -> None:
        """End everything."""
        await self._tasks.stop()

    async def open(self, name: str) -> Feed:
        """The stream, standing at a position that PostgreSQL confirmed. Raises DatabaseError."""
        feed = self._feeds.get(name)
        if feed is None:
            feed = self._feeds[name] = Feed(name)
            try:
                await self._listener.want(name)
                # Whatever commits after this look is announced to the subscription that was confirmed before it.
                head = await self._threads.run(lambda: selectors.head(name))
            except BaseException as error:
                del self._feeds[name]
                self._tasks.spawn(self._forget(name))
                feed.ready.set_exception(error if isinstance(error, DatabaseError) else DatabaseError("The look was broken off."))
                # Read here, so that nobody waiting for it is no warning.
                feed.ready.exception()
                raise
            feed.place(head.epoch, head.seq)
            feed.ready.set_result(None)
            self._catch_up(feed)
        # Nobody follows it before `join`; it must not be closed as idle until then.
        feed.idle_since = time.monotonic()
        await asyncio.shield(feed.ready)
        return feed

    async def recover(self, feed: Feed, since: int, epoch: str | None) -> list[StoredEvent] | None:
        """What the ring does not hold of the events after `since`, from PostgreSQL: pass it to `join`. Raises DatabaseError.

        None when it cannot be had: another epoch, a position ahead of the stream, too far behind, past retention.
        """
        if feed.seq < since:
            await self._compare([feed])
        if epoch not in (None, feed.epoch) or since > feed.seq or feed.seq - since > RECOVER_EVENTS:
            return None
        if feed.since(since) is not None:
            return []
        until = feed.seq
        async with self._recovering:
            return await self._threads.run(
                lambda: selectors.recover(feed.name, since, until, limit=RECOVER_EVENTS, max_bytes=RECOVER_BYTES)
            )

    def join(self, feed: Feed, subscriber: Subscriber, since: int | None, stored: list[StoredEvent] | None) -> Recovery:
        """Follow from exactly here on; in one step of the event loop, so nothing falls between what was read and what follows."""
        frames: list[Frame] | None = None
        if since is not None and stored is not None:
            reached = stored[-1].seq if stored else since
            newer = feed.since(reached)
            if newer is not None:
                frames = [*(Frame(event.frame(), event.seq) for event in stored), *newer]
        feed.subscribers[subscriber] = feed.seq
        return Recovery(feed.epoch, feed.seq, frames)

    def leave(self, name: str, subscriber: Subscriber) -> None:
        """Follow no longer; the stream lingers a while for who comes back."""
        feed = self._feeds.get(name)
        if feed is not None and feed.subscribers.pop(subscriber, None) is not None and not feed.subscribers:
            feed.idle_since = time.monotonic()

    # What arrives: each stream has an inbox and an outbox and takes turns, so that a busy one delays the others by little.

    def _announced(self, stream: str, data: bytes) -> None:
        feed = self._feeds.get(stream)
        if feed is None or len(feed.inbox) >= INBOX_FRAMES:
            return
        epoch, seq, text = data.split(b" ", 2)
        feed.inbox.append((epoch.decode(), int(seq), text))
        self._queue(feed)

    def _queue(self, feed: Feed) -> None:
        """Let it have a turn."""
        if not feed.queued:
            feed.queued = True
            self._ready.append(feed)
            if not self._turning:
                self._turning = True
                asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        feed = self._ready.popleft()
        if not feed.outbox and feed.inbox:
            self._take(feed, *feed.inbox.popleft())
        if feed.outbox:
            self.delivered += feed.spread()
        if feed.inbox or feed.outbox:
            self._ready.append(feed)
        else:
            feed.queued = False
        if self._ready:
            asyncio.get_running_loop().call_soon(self._turn)
        else:
            self._turning = False

    def _take(self, feed: Feed, epoch: str, seq: int, text: bytes) -> None:
        if seq == 0:
            feed.outbox.append(Frame(text))
        elif not feed.started:
            feed.hold(Frame(text, seq))
        elif epoch != feed.epoch:
            self._compare_now.set()
        elif seq == feed.seq + 1:
            self._emit(feed, Frame(text, seq))
            self._catch_up(feed)
        elif seq > feed.seq:
            feed.hold(Frame(text, seq))
            asyncio.get_running_loop().call_later(GAP_SECONDS, self._fill_gap, feed)

    def _emit(self, feed: Feed, frame: Frame) -> None:
        feed.emit(frame)
        self._queue(feed)

    def _catch_up(self, feed: Feed) -> None:
        while feed.held and (frame := feed.held.pop(feed.seq + 1, None)) is not None:
            self._emit(feed, frame)

    def _fill_gap(self, feed: Feed) -> None:
        if feed.held and not feed.filling:
            self._tasks.spawn(self._fill(feed))

    async def _fill(self, feed: Feed) -> None:
        """Read on from PostgreSQL until nothing is missing."""
        if feed.filling:
            return
        feed.filling = True
        try:
            while True:
                since, epoch = feed.seq, feed.epoch
                found = await self._threads.run(lambda since=since: selectors.after(feed.name, since, limit=FILL_EVENTS))  # type: ignore[misc]
                if feed.epoch != epoch:
                    return
                for event in found:
                    if event.seq == feed.seq + 1:
                        self._emit(feed, Frame(event.frame(), event.seq))
                self._catch_up(feed)
                if found and found[0].seq > since + 1:
                    # The log itself has a hole: retention took what this process had not read.
                    self._reset(feed, Head(feed.epoch, found[0].seq - 1))
                elif len(found) < FILL_EVENTS:
                    feed.held = {seq: frame for seq, frame in feed.held.items() if seq > feed.seq}
                    return
                # Not more in memory than one reading.
                while feed.outbox:  # noqa: ASYNC110 - the turns of this very loop empty it
                    await asyncio.sleep(0)
        except DatabaseError as error:
            log.warning("A gap could not be filled (%s); the next comparison finds it", type(error).__name__)
        finally:
            feed.filling = False

    # Comparing with PostgreSQL, which is the truth.

    def _reconnected(self) -> None:
        self._compare_now.set()

    async def _compare_forever(self) -> None:
        while True:
            pause = COMPARE_SECONDS if self._listener.connected else COMPARE_SECONDS_WITHOUT_REDIS
            try:
                async with asyncio.timeout(pause):
                    await self._compare_now.wait()
            except TimeoutError:
                await self._close_idle()
            self._compare_now.clear()
            try:
                await self._compare([feed for feed in self._feeds.values() if feed.started])
            except DatabaseError as error:
                log.warning("PostgreSQL is away (%s); streams wait", type(error).__name__)
            except Exception:
                log.exception("Streams could not be compared; they are again in a moment")

    async def _compare(self, feeds: list[Feed]) -> None:
        if not feeds:
            return
        names = [feed.name for feed in feeds]
        heads = await self._threads.run(lambda: selectors.heads(names))
        for feed in feeds:
            head = heads[feed.name]
            if head.epoch != feed.epoch or head.seq < feed.seq:
                # A head may be older than an announcement that arrived while it was read.
                if head.epoch != feed.epoch:
                    self._reset(feed, head)
            elif head.seq > feed.seq:
                await self._fill(feed)

    def _reset(self, feed: Feed, head: Head) -> None:
        """The position lost its meaning: followers must load anew."""
        feed.place(head.epoch, head.seq)
        text = orjson.dumps({"t": "reset", "s": feed.name, "epoch": head.epoch, "seq": head.seq})
        feed.outbox.append(Frame(text))
        self._queue(feed)

    async def _close_idle(self) -> None:
        now = time.monotonic()
        for feed in list(self._feeds.values()):
            if not feed.subscribers and feed.started and now - feed.idle_since > LINGER_SECONDS:
                del self._feeds[feed.name]
                await self._forget(feed.name)

    async def _forget(self, name: str) -> None:
        # Somebody may have opened it again meanwhile.
        if name not in self._feeds:
            await self._listener.forget(name)
