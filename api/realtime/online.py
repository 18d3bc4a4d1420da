"""Telling those who follow a stream who came and who went, where its kind shows that: deltas, ephemeral, never for each socket.

Somebody who comes back within a few seconds was never gone. Of more people than are listed nothing is told: it would be told to
all of them.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

from core.ids import uuid7_text
from core.redis import RedisAway
from events import online
from events.hub.background import Tasks
from events.publishing import publish_ephemeral
from events.streams import shows_followers

log = logging.getLogger(__name__)
GRACE_SECONDS = 5.0
RENEW_SECONDS = 20.0


class Online:
    """Who follows what in this process."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._process = uuid7_text()
        self._here: Counter[tuple[str, str]] = Counter()
        self._told: set[tuple[str, str]] = set()

    def joined(self, stream: str, user: str) -> None:
        """One more socket of somebody follows a stream."""
        if shows_followers(stream):
            self._here[stream, user] += 1
            if (stream, user) not in self._told:
                self._told.add((stream, user))
                self._tasks.spawn(self._run(lambda: _enter(stream, user, self._process)))

    def left(self, stream: str, user: str) -> None:
        """One less."""
        if (stream, user) in self._here:
            self._here[stream, user] -= 1
            if self._here[stream, user] <= 0:
                del self._here[stream, user]
                asyncio.get_running_loop().call_later(GRACE_SECONDS, self._gone, stream, user)

    def _gone(self, stream: str, user: str) -> None:
        if (stream, user) not in self._here and (stream, user) in self._told:
            self._told.discard((stream, user))
            self._tasks.spawn(self._run(lambda: _leave(stream, user, self._process)))

    async def renew_forever(self) -> None:
        """Keep the entries of this process, and take out those of processes that died."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            told = list(self._told)
            await self._run(lambda told=told: _renew(told, self._process))  # type: ignore[misc]

    def withdraw(self) -> None:
        """Take all entries back: this process ends."""
        try:
            for stream, user in list(self._told):
                _leave(stream, user, self._process)
        except RedisAway:
            return

    async def _run(self, work: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(work)
        except RedisAway:
            log.debug("Redis is away; nobody is seen to come or go")


def _enter(stream: str, user: str, process: str) -> None:
    if online.enter(stream, user, process):
        _tell(stream, user, is_online=True)


def _leave(stream: str, user: str, process: str) -> None:
    if online.leave(stream, user, process):
        _tell(stream, user, is_online=False)


def _renew(told: list[tuple[str, str]], process: str) -> None:
    for stream, user in told:
        _enter(stream, user, process)
    for stream in {stream for stream, _ in told}:
        for user in online.sweep(stream):
            _tell(stream, user, is_online=False)


def _tell(stream: str, user: str, *, is_online: bool) -> None:
    count = online.count(stream)
    if count <= online.MAX_LISTED:
        publish_ephemeral("presence", {"user": user, "is_online": is_online, "count": count}, stream=stream)
