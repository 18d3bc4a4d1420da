"""The ASGI application of the realtime process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from api.realtime import commands
from api.realtime.batches import Batches
from api.realtime.choices import AUTH_SECONDS, Close
from api.realtime.connection import Connection
from api.realtime.online import Online
from api.realtime.polling import Polling
from api.realtime.presence import Presence
from api.realtime.protocol import protocol_of
from core import principal_listener, registry
from core.addresses import address_of
from events.hub import Hub
from events.hub.background import Tasks
from events.hub.threads import Threads

log = logging.getLogger(__name__)
PATH = "/ws/v1/"
DATABASE_THREADS = 4
# Commands of apps may wait for a row: whoever signs in or subscribes does not wait behind them.
COMMAND_THREADS = 4
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Realtime:
    """Sockets, and the long polls of `/api/v1/events/`; `rest` is Django, which answers those."""

    def __init__(self, rest: Callable[..., Awaitable[None]]) -> None:
        self._rest = rest
        self.tasks = Tasks()
        self.connections: set[Connection] = set()
        self.threads: Threads
        self._command_threads: Threads
        self.hub: Hub
        self.presence: Presence
        self.online: Online
        self.batches: dict[str, Batches] = {}

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection, or the life of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._polling(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        loop = asyncio.get_running_loop()
        self.threads = Threads(DATABASE_THREADS)
        self.hub = Hub(self.threads)
        self.presence = Presence(self)
        self.online = Online(self.tasks)
        self._command_threads = Threads(COMMAND_THREADS)
        commands_of_apps = registry.socket_commands().items()
        self.batches = {name: Batches(self._command_threads, self.tasks, found, found.apart) for name, found in commands_of_apps}
        self._polling = Polling(self._rest, self.hub, self.threads)
        self.hub.start()
        principal_listener.observe(lambda kind, identifier: _call(loop, self.presence.changed, kind, identifier))
        principal_listener.ensure_listening()
        self.tasks.spawn(self.presence.report_forever())
        self.tasks.spawn(self.online.renew_forever())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.tasks.stop()
        await self.hub.stop()
        await asyncio.to_thread(self.presence.withdraw)
        await asyncio.to_thread(self.online.withdraw)
        await asyncio.to_thread(principal_listener.stop_listening)
        self.threads.close()
        self._command_threads.close()
        await send({"type": "lifespan.shutdown.complete"})

    def follow(self, connection: Connection, name: str, user: str) -> None:
        """Note a subscription that the hub has."""
        if name not in connection.streams:
            connection.streams.add(name)
            self.online.joined(name, user)

    def leave(self, connection: Connection, name: str) -> None:
        """End one subscription."""
        if name in connection.streams and connection.principal is not None:
            self.online.left(name, connection.principal.user_text)
        connection.streams.discard(name)
        self.hub.leave(name, connection)

    async def _socket(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        await receive()
        # A close before the acceptance would reach browsers as a bare 403 without its code.
        await send({"type": "websocket.accept"})
        gone = False

        async def hear() -> dict[str, Any]:
            nonlocal gone
            message = await receive()
            gone = message["type"] == "websocket.disconnect"
            return message

        peer = (scope.get("client") or ("",))[0]
        connection = Connection(protocol_of(scope), address_of(peer, headers.get(b"x-forwarded-for", b"").decode("latin-1")))
        if scope["path"] != PATH:
            connection.close(Close.PROTOCOL, "there is nothing at this path")
        elif not _is_known_origin(headers):
            connection.close(Close.FORBIDDEN, "origin not allowed")
        else:
            self.connections.add(connection)
            try:
                await self._converse(connection, hear)
            finally:
                connection.closed = True
                self.connections.discard(connection)
                for name in list(connection.streams):
                    self.leave(connection, name)
                self.presence.remove(connection)
        # The closing handshake is the protocol's; until its end the connection is its own.
        while not gone:
            await hear()

    async def _converse(self, connection: Connection, receive: Receive) -> None:
        try:
            async with asyncio.timeout(AUTH_SECONDS):
                message = await receive()
                if message["type"] != "websocket.receive":
                    return
                going_on = await commands.authenticate(self, connection, commands.parse(message))
            while going_on and (message := await receive())["type"] == "websocket.receive":
                going_on = await commands.run(self, connection, commands.parse(message))
        except TimeoutError:
            connection.close(Close.AUTH, "no auth frame in time")
        except commands.BadFrame as error:
            connection.fail(None, "bad_frame", str(error))
            connection.close(Close.PROTOCOL, str(error))


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[str, str], None], kind: str, identifier: str) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, kind, identifier)


def _is_known_origin(headers: dict[bytes, bytes]) -> bool:
    """Whether a page of ours asks: no Origin (not a browser), the same host, or an origin that CORS allows."""
    origin = headers.get(b"origin")
    if origin is None:
        return True
    text = origin.decode("latin-1")
    if text in settings.CORS_ALLOWED_ORIGINS:
        return True
    return urlsplit(text).netloc == headers.get(b"host", b"").decode("latin-1") != ""
