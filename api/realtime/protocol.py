"""uvicorn's protocols, with what a fan-out needs beside ASGI.

ASGI's `send` builds a WebSocket frame for each message and each connection. Frames are the same for all (servers do not mask,
compression is off), so `FanOutProtocol` lets the application write one that was made once, sees when the peer stops reading,
and closes without waiting for it. It rests on the attributes of uvicorn's sans-IO protocol; uvicorn is pinned, and the socket's
tests run on the real server.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

EXTENSION = "atelier.frames"
HANDSHAKE_SECONDS = 10.0
CLOSE_SECONDS = 5.0
RESTART_SPREAD_SECONDS = 2.0


class HandshakeProtocol(HttpToolsProtocol):
    """HTTP that gives a new connection, and each further request, ten seconds for the head: a slow-loris is cut off."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._clock = self.loop.call_later(HANDSHAKE_SECONDS, self._too_slow)

    def on_message_begin(self) -> None:
        """Start it for a further request; that of the first one runs already."""
        if self._clock.cancelled():
            self._clock = self.loop.call_later(HANDSHAKE_SECONDS, self._too_slow)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._clock.cancel()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        self._clock.cancel()
        super().connection_lost(exc)

    def _too_slow(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()


class FanOutProtocol(WebSocketsSansIOProtocol):
    """A WebSocket that the application reaches as `scope["extensions"]["atelier.frames"]`."""

    on_writable: Callable[[], None] | None = None
    on_restart: Callable[[], None] | None = None

    async def run_asgi(self) -> None:
        """Put this object where the application finds it."""
        extensions: dict[str, object] = self.scope["extensions"]  # type: ignore[assignment]
        extensions[EXTENSION] = self
        await super().run_asgi()

    def send_receive_event_to_app(self) -> None:
        """End a connection whose text is not UTF-8. uvicorn does so with a traceback in the log, which anybody could fill."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.close(1007, "not UTF-8")
                return
        super().send_receive_event_to_app()

    @property
    def is_open(self) -> bool:
        """Whether frames may still be sent."""
        return not (self.disconnected or self.close_sent or self.transport.is_closing())

    @property
    def is_writable(self) -> bool:
        """Whether the transport takes more: its buffer is below the high-water mark (64 KiB)."""
        return self.writable.is_set()

    def write(self, wire: bytes) -> None:
        """Hand a whole WebSocket frame to the transport."""
        self.transport.write(wire)

    def resume_writing(self) -> None:
        """The peer reads again."""
        super().resume_writing()
        if self.on_writable is not None:
            self.on_writable()

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame; a peer that does not answer is cut off after five seconds, whatever lies in the buffer."""
        if not self.is_open:
            return
        self.stop_keepalive()
        try:
            self.conn.send_close(code, reason)
        except InvalidState:
            self.transport.abort()
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def shutdown(self) -> None:
        """The server ends: tell the client when to come back, then close, spread over a moment."""
        if self.on_restart is None or not self.is_open:
            super().shutdown()
            return
        self.loop.call_later(random.uniform(0, RESTART_SPREAD_SECONDS), self.on_restart)  # noqa: S311 - spreads load


def protocol_of(scope: dict[str, Any]) -> FanOutProtocol:
    """The connection's protocol. Raises TypeError under a server that was started without it."""
    protocol = scope["extensions"].get(EXTENSION)
    if not isinstance(protocol, FanOutProtocol):
        raise TypeError("Start uvicorn with --ws api.realtime.protocol:FanOutProtocol.")
    return protocol
