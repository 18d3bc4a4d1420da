"""Which connections belong to whom; what ends them when the caller's rights do; and what the admin sees of this process."""

import asyncio
import logging
import os
import socket
import time
from typing import TYPE_CHECKING

import orjson
from django.conf import settings
from django.db import DatabaseError
from redis.exceptions import RedisError

from api.realtime.choices import Close
from api.realtime.connection import Connection
from core.exceptions import DomainError
from core.ids import uuid7_text
from core.principals import Principal, Refusal
from core.redis import RedisAway, breaker
from events.announcing import PREFIX
from events.streams import check_may_follow

if TYPE_CHECKING:
    from api.realtime.server import Realtime

log = logging.getLogger(__name__)
REPORT_SECONDS = 5.0
REPORT_LIFE_SECONDS = 30
# Checks after a lost connection to PostgreSQL, when anything may have changed, go through the threads this many at a time.
CHECKS_AT_ONCE = 16
# Asked again when PostgreSQL did not answer.
RETRY_SECONDS = 1.0


class Presence:
    """The authenticated connections of this process."""

    def __init__(self, realtime: "Realtime") -> None:
        self._realtime = realtime
        self._by_user: dict[str, dict[Connection, None]] = {}
        self._checking = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._process = uuid7_text()
        self._started = time.time()
        self.closed_slow = 0

    def admit(self, connection: Connection, principal: Principal) -> bool:
        """Take in a connection, or its renewed principal; False when its user has too many here."""
        mine = self._by_user.setdefault(principal.user_text, {})
        if connection not in mine and len(mine) >= settings.SOCKETS_PER_USER:
            return False
        mine[connection] = None
        connection.principal = principal
        if connection.expiry is not None:
            connection.expiry.cancel()
        left = principal.expires_at - time.time()
        # An event loop's timer does not reach far beyond a month.
        if left < 30 * 86_400:
            connection.expiry = asyncio.get_running_loop().call_later(max(0.0, left), self._check, connection)
        return True

    def remove(self, connection: Connection) -> None:
        """Forget a closed connection."""
        if connection.expiry is not None:
            connection.expiry.cancel()
        if connection.slow:
            self.closed_slow += 1
        if connection.principal is not None:
            mine = self._by_user.get(connection.principal.user_text, {})
            mine.pop(connection, None)
            if not mine:
                self._by_user.pop(connection.principal.user_text, None)

    def changed_since(self, connection: Connection, principal: Principal) -> bool:
        """Whether rights were looked at anew since `principal` was read."""
        return connection.principal is not principal

    def changed(self, kind: str, identifier: str) -> None:
        """Something about a user, session or key changed (or anything may have): ask again for the connections it concerns."""
        for user, connections in list(self._by_user.items()):
            if kind == "user" and user != identifier:
                continue
            for connection in list(connections):
                principal = connection.principal
                if kind in ("user", "all") or (principal is not None and str(principal.credential_id) == identifier):
                    self._check(connection)

    def _check(self, connection: Connection) -> None:
        self._realtime.tasks.spawn(self._check_again(connection))

    async def _check_again(self, connection: Connection) -> None:
        credential = connection.credential
        if credential is None or connection.closed:
            return
        names = list(connection.streams)
        try:
            async with self._checking:
                outcome = await self._realtime.threads.run(credential.check)
                lost = []
                if isinstance(outcome, Principal):
                    lost = await self._realtime.threads.run(lambda: _lost(outcome, names))
        except Exception as error:
            # Nobody is thrown out for an outage, and nobody stays for it: the question is asked until it is answered.
            log.log(
                logging.WARNING if isinstance(error, DatabaseError) else logging.ERROR,
                "The rights of a connection could not be looked up (%s); asking again",
                type(error).__name__,
                exc_info=not isinstance(error, DatabaseError),
            )
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._check, connection)
            return
        if connection.closed:
            return
        if isinstance(outcome, Refusal):
            connection.send({"t": "end", "d": {"code": outcome.code, "message": outcome.message}})
            connection.close(Close.AUTH, outcome.code)
            return
        self.admit(connection, outcome)
        for name in lost:
            self._realtime.leave(connection, name)
            connection.send({"t": "unsubscribed", "s": name, "d": {"code": "stream_not_found"}})

    async def report_forever(self) -> None:
        """Tell the admin's page how many are here, every few seconds."""
        while True:
            try:
                await asyncio.to_thread(self._report)
            except (RedisAway, RedisError, OSError):
                log.debug("Redis is away; the report waits")
            await asyncio.sleep(REPORT_SECONDS)

    def _report(self) -> None:
        report = orjson.dumps(
            {
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "started_at": self._started,
                "connections": len(self._realtime.connections),
                "users": len(self._by_user),
                "streams": self._realtime.hub.streams,
                "delivered": self._realtime.hub.delivered,
                "closed_slow": self.closed_slow,
            }
        )
        name = f"{PREFIX}live:{self._process}"
        breaker().call(lambda redis: redis.set(name, report, ex=REPORT_LIFE_SECONDS))

    def withdraw(self) -> None:
        """Take the report back: this process ends."""
        try:
            breaker().call(lambda redis: redis.delete(f"{PREFIX}live:{self._process}"))
        except RedisAway:
            return


def _lost(principal: Principal, names: list[str]) -> list[str]:
    lost = []
    for name in names:
        try:
            check_may_follow(principal, name)
        except DomainError:
            lost.append(name)
    return lost
