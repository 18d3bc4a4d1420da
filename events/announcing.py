"""Telling the processes that hold sockets, by Redis pub/sub. A lost announcement costs time, not events: see events.hub."""

from redis import Redis

from core.redis import RedisAway, breaker

PREFIX = "atelier:events:"
BELL = PREFIX + "bell"


def channel(stream: str) -> str:
    """The Redis channel of a stream."""
    return PREFIX + "s:" + stream


def announcement(epoch: str, seq: int, frame: bytes) -> bytes:
    """What is published: `<epoch> <seq> <frame>`. An ephemeral frame has the seq 0."""
    return b"%s %d %s" % (epoch.encode(), seq, frame)


def send(messages: list[tuple[str, bytes]], *, bell: bool = False) -> None:
    """Publish now, in one exchange; with Redis away, nothing: the hubs compare heads, the relay sweeps."""

    def publish(redis: "Redis") -> None:
        if len(messages) == 1 and not bell:
            redis.publish(channel(messages[0][0]), messages[0][1])
            return
        with redis.pipeline(transaction=False) as pipeline:
            for stream, message in messages:
                pipeline.publish(channel(stream), message)
            if bell:
                pipeline.publish(BELL, b"1")
            pipeline.execute()

    try:
        breaker().call(publish)
    except RedisAway:
        return
