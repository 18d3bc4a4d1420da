"""A client of the realtime process, as an integrator would write it: one socket, and a follower that never loses its place."""

import asyncio
import contextlib
import itertools
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

PATH = "/ws/v1/"
PATIENCE = 10.0
GONE = (OSError, ConnectionClosed, InvalidHandshake, EOFError, TimeoutError)


class Client:
    """One socket. Answers go to who asked; everything else is collected in order of arrival."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.hello: dict[str, Any] = {}
        self._numbers = itertools.count(1)
        self._asked: dict[Any, asyncio.Future[dict[str, Any]]] = {}
        self._frames: deque[dict[str, Any]] = deque()
        self._arrived = asyncio.Event()
        self._reader = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def open(cls, port: int, token: str = "", *, path: str = PATH, **options: Any) -> Self:
        """Connect and, with a token, authenticate; `hello` is the answer."""
        options = {"compression": None, "max_size": None, "open_timeout": PATIENCE, "ping_interval": None, **options}
        client = cls(await connect(f"ws://127.0.0.1:{port}{path}", **options))
        if token:
            client.hello = await client.call("auth", token=token)
        return client

    async def call(self, command: str, **fields: Any) -> dict[str, Any]:
        """Send a command; its answer. Raises ConnectionClosed when the socket closes first."""
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        await self.say({"id": number, "t": command, **fields})
        async with asyncio.timeout(PATIENCE):
            return await answer

    async def subscribe(self, **streams: dict[str, Any]) -> dict[str, Any]:
        """What is answered for each stream. Keyword arguments carry `kind:id` when passed by **."""
        answer = await self.call("sub", streams=streams)
        assert answer["ok"], answer
        return answer["d"]

    async def say(self, message: Any) -> None:
        """Send a message: text and bytes as they are, everything else as JSON."""
        await self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def frame(self, seconds: float = PATIENCE) -> dict[str, Any]:
        """The next frame that is no answer. Raises TimeoutError, or ConnectionClosed when there will be none."""
        async with asyncio.timeout(seconds):
            while not self._frames:
                if self._reader.done():
                    self._reader.result()
                self._arrived.clear()
                await self._arrived.wait()
        return self._frames.popleft()

    async def frames(self, count: int, seconds: float = PATIENCE) -> list[dict[str, Any]]:
        """So many frames that are no answers."""
        async with asyncio.timeout(seconds):
            return [await self.frame(seconds) for _ in range(count)]

    async def silence(self, seconds: float) -> None:
        """Fail when anything arrives within so many seconds, the end of the socket included."""
        with contextlib.suppress(TimeoutError):
            raise AssertionError(f"not silent: {await self.frame(seconds)}")

    async def closed(self, seconds: float = PATIENCE) -> int:
        """The close code; what arrived before stays readable."""
        async with asyncio.timeout(seconds):
            await self.socket.wait_closed()
            with contextlib.suppress(ConnectionClosed):
                await self._reader
        assert self.socket.close_code is not None
        return self.socket.close_code

    @property
    def left(self) -> list[dict[str, Any]]:
        """Frames that arrived and were not read yet."""
        return list(self._frames)

    async def close(self) -> None:
        """Close as a polite client does."""
        await self.socket.close()
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
            await self._reader

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _read(self) -> None:
        try:
            while True:
                message = json.loads(await self.socket.recv())
                asked = self._asked.pop(message.get("id"), None) if "ok" in message else None
                if asked is not None:
                    asked.set_result(message)
                else:
                    self._frames.append(message)
                self._arrived.set()
        except ConnectionClosed as error:
            for asked in self._asked.values():
                if not asked.done():
                    asked.set_exception(error)
                    # Who does not wait for it any more leaves no warning.
                    asked.exception()
            raise
        finally:
            self._arrived.set()


@dataclass
class Follower:
    """Follows one stream for ever: reconnects, resumes from its place, and reads pages over REST when it is too far behind.

    `address(attempt)` gives the (socket port, REST origin) of each attempt. `seqs` is every seq that it took, in order.
    """

    address: Callable[[int], tuple[int, str]]
    header: str
    stream: str
    epoch: str = ""
    seq: int = 0
    seqs: list[int] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    connects: int = 0
    recovered: int = 0
    paged: int = 0
    resets: int = 0
    trouble: list[str] = field(default_factory=list)
    # What the server must never do: skip or repeat on a connection that follows.
    wrong: list[str] = field(default_factory=list)

    async def run(self, done: Callable[[], bool]) -> None:
        """Follow until `done()`."""
        attempt = 0
        while not done():
            port, origin = self.address(attempt)
            attempt += 1
            try:
                await self._once(port, origin, done)
            except (*GONE, httpx.HTTPError) as error:
                self.trouble.append(type(error).__name__)
                await asyncio.sleep(0.05 + 0.05 * (attempt % 8))

    async def _once(self, port: int, origin: str, done: Callable[[], bool]) -> None:
        client = await Client.open(port, self.header.partition(" ")[2])
        async with client:
            if not client.hello["ok"]:
                raise EOFError(client.hello["err"]["code"])
            self.connects += 1
            paged = self.paged
            if not await self._subscribe(client, origin):
                return
            strict = paged == self.paged
            while not done():
                with contextlib.suppress(TimeoutError):
                    frame = await client.frame(0.5)
                    if frame["t"] == "reset":
                        self.resets += 1
                        return
                    if frame.get("seq"):
                        # A page may have held what the socket brings again.
                        if frame["seq"] != self.seq + 1 and (strict or frame["seq"] > self.seq):
                            self.wrong.append(f"{frame['seq']} after {self.seq}")
                        self._take(frame["seq"], frame["ts"])

    async def _subscribe(self, client: Client, origin: str) -> bool:
        """Take what was missed; whether the subscription stands where the follower does."""
        position = {"since": self.seq, **({"epoch": self.epoch} if self.epoch else {})}
        answer = await client.call("sub", streams={self.stream: position})
        if not answer["ok"]:
            raise EOFError(answer["err"]["code"])
        found = answer["d"][self.stream]
        if "error" in found:
            raise EOFError(found["error"]["code"])
        if found["recovered"]:
            self.recovered += 1
            self.epoch = found["epoch"]
            for event in found["events"]:
                self._take(event["seq"], event["ts"])
            return True
        # Too far behind: read on over REST while the socket already collects what is newer.
        assert self.epoch in ("", found["epoch"]), "the epoch changed without a restore"
        self.epoch = found["epoch"]
        return await self._page(origin, found["seq"])

    async def _page(self, origin: str, until: int) -> bool:
        self.paged += 1
        async with httpx.AsyncClient(base_url=origin, headers={"Authorization": self.header}, timeout=PATIENCE) as http:
            while self.seq < until:
                query = {"stream": self.stream, "since": self.seq, "epoch": self.epoch, "limit": 500}
                answer = await http.get("/api/v1/events/", params=query)
                if answer.status_code != 200:
                    raise EOFError(f"{answer.status_code} for a page")
                body = answer.json()
                if not body["meta"]["stream"]["recovered"]:
                    # The page's head may be behind the socket's for a moment.
                    return False
                for event in body["data"]:
                    self._take(event["seq"], 0)
        return True

    def _take(self, seq: int, sent_ms: int) -> None:
        """At least once becomes exactly once by dropping what is not newer."""
        if seq <= self.seq:
            return
        self.seqs.append(seq)
        if sent_ms:
            self.sent.append(time.time() - sent_ms / 1000)
        self.seq = seq
