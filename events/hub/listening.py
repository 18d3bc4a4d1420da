"""The process's one Redis pub/sub connection."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError

from core.redis import asyncio_client
from events.announcing import PREFIX, channel

log = logging.getLogger(__name__)
# Subscribed to always, so that the connection has something to wait on.
CONTROL = PREFIX + "hub"
CONFIRM_SECONDS = 1.0
MAX_PAUSE = 2.0
_START = len(channel(""))


class Listener:
    """Subscribes to streams' channels and hands over each announcement; connects again by itself, forever.

    `on_message(stream, data)` is called for each; `on_connect()` when everything wanted is subscribed again after a gap.
    """

    def __init__(self, on_message: Callable[[str, bytes], None], on_connect: Callable[[], None]) -> None:
        self._on_message = on_message
        self._on_connect = on_connect
        self._wanted: set[str] = set()
        self._confirming: dict[str, asyncio.Future[None]] = {}
        self._pubsub: Any = None

    @property
    def connected(self) -> bool:
        """Whether announcements arrive."""
        return self._pubsub is not None

    async def want(self, stream: str) -> None:
        """Subscribe. Returns when Redis confirmed it, or after a second: without Redis the database is looked at instead."""
        name = channel(stream)
        self._wanted.add(name)
        if self._pubsub is None:
            return
        confirmed = self._confirming.setdefault(name, asyncio.get_running_loop().create_future())
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                await self._pubsub.subscribe(name)
                await asyncio.shield(confirmed)
        except Exception as error:  # noqa: BLE001 - see below
            # Besides its own errors, redis-py raises AttributeError while its connection is being lost. `run` subscribes anew.
            log.debug("A subscription was not confirmed (%s)", type(error).__name__)

    async def forget(self, stream: str) -> None:
        """Unsubscribe."""
        name = channel(stream)
        self._wanted.discard(name)
        self._confirming.pop(name, None)
        if self._pubsub is not None:
            try:
                await self._pubsub.unsubscribe(name)
            except Exception as error:  # noqa: BLE001 - as above
                log.debug("A subscription was not ended (%s)", type(error).__name__)

    async def run(self) -> None:
        """Listen until cancelled."""
        pause = 0.1
        while True:
            client = asyncio_client()
            try:
                async with client.pubsub() as pubsub:
                    asked = set(self._wanted)
                    await pubsub.subscribe(CONTROL, *asked)
                    self._pubsub = pubsub
                    # What was wanted while the connection was made came too late for that list.
                    late = self._wanted - asked
                    if late:
                        await pubsub.subscribe(*late)
                    self._on_connect()
                    pause = 0.1
                    async for message in pubsub.listen():
                        self._take(message)
            except (RedisError, OSError) as error:
                log.warning("Redis is away (%s); comparing with PostgreSQL until it is back", type(error).__name__)
            except Exception:
                log.exception("The listener failed; it connects again")
            finally:
                self._pubsub = None
                with contextlib.suppress(Exception):
                    await client.aclose()
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE)

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            self._on_message(message["channel"][_START:].decode(), message["data"])
        elif message["type"] == "subscribe":
            confirmed = self._confirming.pop(message["channel"].decode(), None)
            if confirmed is not None and not confirmed.done():
                confirmed.set_result(None)
