"""A hub in the test's own event loop, a subscriber that remembers, and announcements that tests lose, double and reorder."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar
from uuid import UUID

import orjson
from django.db import connections, transaction

import events
from core.ids import uuid7_text
from core.redis import client
from events import selectors
from events.announcing import announcement, channel
from events.hub import Frame, Hub
from events.hub.threads import Threads
from events.tests.support import Happened

T = TypeVar("T")


class Listener:
    """A follower that keeps what it gets."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def deliver(self, frame: Frame) -> None:
        self.frames.append(frame)

    @property
    def seqs(self) -> list[int]:
        """The positions it got; 0 is ephemeral or a reset."""
        return [frame.seq for frame in self.frames]

    @property
    def told(self) -> list[dict[str, Any]]:
        return [orjson.loads(frame.text) for frame in self.frames]


def new_stream() -> str:
    """A stream of its own: Redis channels are shared by everybody on the server."""
    return f"user:{UUID(uuid7_text())}"


@contextlib.asynccontextmanager
async def hub_running() -> AsyncIterator[Hub]:
    """A hub that listens."""
    threads = Threads(4)
    hub = Hub(threads)
    hub.start()
    await until(lambda: hub._listener.connected)
    try:
        yield hub
    finally:
        await hub.stop()
        threads.close()


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> float:
    """Wait until it holds; how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "waited in vain"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


async def come_back(hub: Hub, stream: str, listener: Listener) -> None:
    """Follow again from where it left, as a client does that subscribes anew on the same connection."""
    hub.leave(stream, listener)
    since = listener.seqs[-1] if listener.frames else 0
    feed = await hub.open(stream)
    found = hub.join(feed, listener, since, await hub.recover(feed, since, None))
    assert found.frames is not None
    listener.frames.extend(found.frames)


async def follow(hub: Hub, stream: str) -> Listener:
    """Follow from the head on."""
    listener = Listener()
    hub.join(await hub.open(stream), listener, None, None)
    return listener


async def aside(work: Callable[..., T], *args: Any) -> T:
    """Something that blocks, in a thread whose database connection is closed afterwards."""

    def run() -> T:
        try:
            return work(*args)
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


def commit_silently(stream: str, count: int = 1) -> list[tuple[int, bytes]]:
    """Publish without announcing: (seq, announcement) of each, for the test to send or to lose."""
    made = []
    with transaction.atomic():
        made.extend(events.publish(Happened(number), stream=stream) for number in range(count))
        assert made[0].position
        connections["default"].run_on_commit.clear()
    found = selectors.after(stream, made[0].seq - 1, until=made[-1].seq, limit=count)
    return [(event.seq, announcement(made[0].epoch, event.seq, event.frame())) for event in found]


def announce(stream: str, *messages: bytes) -> None:
    """Send announcements as publishers do."""
    for message in messages:
        client().publish(channel(stream), message)


def play(scenario: Coroutine[Any, Any, T], seconds: float = 60.0) -> T:
    """Run a scenario to its end."""

    async def bounded() -> T:
        async with asyncio.timeout(seconds):
            return await scenario

    return asyncio.run(bounded())
