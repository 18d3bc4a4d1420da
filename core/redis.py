"""The process's connection to Redis or Valkey, with a breaker: while it is away nobody waits for it."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.conf import settings
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from core.once import once

log = logging.getLogger(__name__)
T = TypeVar("T")


class RedisAway(Exception):
    """Redis did not answer in time, or did not a moment ago."""


@once
def client() -> "Redis":
    """A thread-safe client with short timeouts and no hidden retries."""
    timeout = settings.REDIS_TIMEOUT_SECONDS
    return Redis.from_url(settings.REDIS_URL, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0))


class Breaker:
    """Skips Redis for a moment after it failed, so that an outage costs one timeout a second, not one a request."""

    def __init__(self, retry_after: float) -> None:
        self._retry_after = retry_after
        self._away_until = 0.0
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether Redis is taken for away at this moment."""
        return time.monotonic() < self._away_until

    def call(self, operation: Callable[["Redis"], T]) -> T:
        """Run `operation(client)`. Raises RedisAway when it fails or the breaker is open."""
        if self.is_open:
            raise RedisAway
        try:
            return operation(client())
        except (RedisError, OSError) as error:
            with self._lock:
                if not self.is_open:
                    log.warning("Redis is away (%s); working without it", type(error).__name__)
                self._away_until = time.monotonic() + self._retry_after
            raise RedisAway from error


@once
def breaker() -> Breaker:
    """The process's breaker."""
    return Breaker(settings.REDIS_RETRY_AFTER_SECONDS)


def publish(redis: "Redis", messages: Sequence[tuple[str, bytes]]) -> None:
    """PUBLISH each (channel, message), in one exchange. The client's own ways there take two to three times as long."""
    pool = redis.connection_pool
    connection = pool.get_connection()
    try:
        packed = connection.pack_commands([("PUBLISH", *message) for message in messages])  # type: ignore[no-untyped-call]
        connection.send_packed_command(packed)  # type: ignore[no-untyped-call]
        for _ in messages:
            connection.read_response()
    except BaseException:
        # Answers that were not read are nobody else's.
        connection.disconnect()  # type: ignore[no-untyped-call]
        raise
    finally:
        pool.release(connection)


def asyncio_client() -> "AsyncRedis":
    """A new client for an event loop, for pub/sub: it waits for messages as long as it takes."""
    timeout = settings.REDIS_TIMEOUT_SECONDS
    return AsyncRedis.from_url(
        settings.REDIS_URL, socket_connect_timeout=max(timeout, 1.0), socket_keepalive=True, retry=AsyncRetry(NoBackoff(), 0)
    )
