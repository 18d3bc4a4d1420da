"""Telling the processes that hold sockets, by Redis pub/sub. A lost announcement costs time, not events: see events.hub."""

import contextlib

from core.bell import Bell
from core.redis import RedisAway, breaker, publish

PREFIX = "atelier:events:"
# Rung for the relay when events were committed.
BELL = Bell("events")


def channel(stream: str) -> str:
    """The Redis channel of a stream."""
    return PREFIX + "s:" + stream


def announcement(epoch: str, seq: int, frame: bytes) -> bytes:
    """What is published: `<epoch> <seq> <frame>`. An ephemeral frame has the seq 0."""
    return b"%s %d %s" % (epoch.encode(), seq, frame)


def send(messages: list[tuple[str, bytes]]) -> None:
    """Publish now, in one exchange; with Redis away, nothing: the hubs compare heads."""
    with contextlib.suppress(RedisAway):
        breaker().call(lambda redis: publish(redis, [(channel(stream), message) for stream, message in messages]))
