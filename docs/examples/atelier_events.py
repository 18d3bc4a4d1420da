"""Follow Atelier's streams of events over its socket. Copy this file; it needs `pip install websockets` and nothing else.

    client = AtelierEvents("https://api.example.com", token=token, on_event=happened, on_reset=load_anew)
    await client.follow("user:0199a1c2-…")
    await client.run()

`token()` returns an access token or an API key and is called anew at each connection. `on_event(event)` gets each event once,
in order: `{"t": type, "s": stream, "seq", "ts": milliseconds, "id", "d": payload}`; it counts as had when `on_event` returned.
Without a seq it is ephemeral, or `unsubscribed`: the stream may not be followed. `on_reset(stream)` says to load a stream's state
over REST: at the beginning, and when what was missed cannot be had here (too much, too long ago). All three are coroutine
functions. Keep `client.positions` to go on after a restart of yours: `follow(stream, position)`.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

BAD_FRAME, NEW_TOKEN, FORBIDDEN = 4400, 4401, 4403
MAX_REFUSALS, MAX_PAUSE, PATIENCE, MAX_FRAME = 3, 30.0, 30.0, 4 * 2**20
Frame = dict[str, Any]
Handler = Callable[[Any], Awaitable[None]]


class Refused(Exception):
    """The server will not have this client; trying again would not help."""


class HandlerFailed(Exception):
    """One of the application's functions raised: its error is the cause. The event counts as not had."""


class AtelierEvents:
    def __init__(self, url: str, *, token: Callable[[], Awaitable[str]], on_event: Handler, on_reset: Handler) -> None:
        self.url, self.token, self.on_event, self.on_reset = url.rstrip("/"), token, on_event, on_reset
        # Stream -> (epoch, seq of the last event had); None until the first answer.
        self.positions: dict[str, tuple[str, int] | None] = {}
        self._socket: ClientConnection | None = None
        self._failures = self._refusals = 0
        self._hint: float | None = None

    async def follow(self, stream: str, position: tuple[str, int] | None = None) -> None:
        """Follow a stream from now on, or from after a kept position."""
        self.positions[stream] = position
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._subscribe(self._socket, [stream])

    async def run(self) -> None:
        """Follow until cancelled, over any number of connections. Raises Refused and HandlerFailed."""
        while True:
            self._hint = None
            try:
                await self._connection()
            except ConnectionClosed as error:
                code = error.rcvd.code if error.rcvd else 0
                self._refusals += code == NEW_TOKEN
                if code in (BAD_FRAME, FORBIDDEN) or self._refusals >= MAX_REFUSALS:
                    raise Refused(str(error)) from error
            except (WebSocketException, OSError):
                pass  # Also a silent server (TimeoutError) and an HTTP error: the next connection resumes.
            finally:
                self._socket = None
            self._failures += 1
            backoff = random.uniform(0.1, 1) * min(MAX_PAUSE, 0.5 * 2 ** min(self._failures, 8))
            await asyncio.sleep(backoff if self._hint is None else self._hint)

    async def _connection(self) -> None:
        token, silent = await self.token(), False
        async with connect("ws" + self.url.removeprefix("http") + "/ws/v1/", max_size=MAX_FRAME, ping_interval=None) as socket:
            await socket.send(json.dumps({"id": "auth", "t": "auth", "token": token}))
            while not (hello := json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))).get("ok"):
                self._take_hint(hello)  # Refused or restarting: the close code that follows says what to do.
            streams, size = list(self.positions), hello["d"]["limits"]["streams_per_frame"]
            for start in range(0, len(streams), size):
                await self._subscribe(socket, streams[start : start + size])
            self._socket = socket
            while True:
                try:
                    text = await asyncio.wait_for(socket.recv(), hello["d"]["ping"])
                except TimeoutError:
                    if silent:
                        raise
                    await socket.send('{"id":"ping","t":"ping"}')
                    silent = True
                else:
                    await self._take(json.loads(text))
                    silent = False

    async def _subscribe(self, socket: ClientConnection, streams: list[str]) -> None:
        wanted = {name: {"epoch": at[0], "since": at[1]} if (at := self.positions[name]) else {} for name in streams}
        await socket.send(json.dumps({"id": "sub", "t": "sub", "streams": wanted}))

    def _take_hint(self, frame: Frame) -> None:
        milliseconds = (frame.get("err") or frame.get("d") or {}).get("retry_ms")
        self._hint = None if milliseconds is None else milliseconds / 1000

    async def _take(self, frame: Frame) -> None:
        if frame.get("id") == "sub":
            await self._subscribed(frame)
        elif frame.get("t") == "restart":
            self._take_hint(frame)
        elif frame.get("t") == "reset":
            await self._reset(frame["s"], frame)
        elif "s" in frame:
            await self._event(frame)

    async def _subscribed(self, frame: Frame) -> None:
        if not frame["ok"]:
            self._take_hint(frame)
            raise ConnectionError(frame["err"]["code"]) if frame["err"]["temporary"] else Refused(frame["err"]["code"])
        self._failures = self._refusals = 0
        for name, found in frame["d"].items():
            at = self.positions.get(name)
            if "error" in found:
                await self._event({"t": "unsubscribed", "s": name, "d": found["error"]})
            elif at is not None and found.get("recovered"):
                for event in found["events"]:
                    await self._event(event)
            else:
                await self._reset(name, found)

    async def _event(self, event: Frame) -> None:
        stream, seq, at = event["s"], event.get("seq"), self.positions.get(event["s"])
        if event["t"] == "unsubscribed":
            self.positions.pop(stream, None)
        elif at is None or (seq is not None and seq <= at[1]):
            return
        elif seq is not None and seq > at[1] + 1:
            raise ConnectionError("a gap")  # Never step over it: the next subscription begins after what we have.
        await self._call(self.on_event, event)
        if at is not None and seq is not None:
            self.positions[stream] = (at[0], seq)

    async def _reset(self, stream: str, found: Frame) -> None:
        if stream in self.positions:
            await self._call(self.on_reset, stream)
            self.positions[stream] = (found["epoch"], found["seq"])

    async def _call(self, handler: Handler, what: Any) -> None:
        try:
            await handler(what)
        except Exception as error:
            raise HandlerFailed from error
