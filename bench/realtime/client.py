"""The load process: many sockets on one event loop, as cheap as Python allows, counting frames and their age.

`python -m bench.realtime.client` reads one JSON line of what to open from standard input, says `ready` when all sockets follow
their stream, counts until it reads a line, and answers with one JSON line. The sockets of the group `stalled` read nothing once
they follow.
"""

import asyncio
import base64
import json
import os
import re
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

import uvloop

_STAMP = re.compile(rb'"stamp": ?(\d+)')


def masked(text: bytes) -> bytes:
    """A client's text frame; a mask of zeros is a mask."""
    size = len(text)
    head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0xFE, size)
    return head + bytes(4) + text


class Socket(asyncio.Protocol):
    """One connection: the handshake, its opening frames one after the other's answer, then counting."""

    def __init__(
        self, path: str, opening: list[bytes], opened: Callable[[], None], seen: "Seen", *, stalls: bool = False
    ) -> None:
        self._path = path
        self._stalls = stalls
        self._opening = list(opening)
        self._opened = opened
        self._seen = seen
        self._buffer = b""
        self._upgraded = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        self._seen.lost += 1

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        if not self._upgraded:
            head, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                self._buffer = data
                return
            if b" 101 " not in head:
                raise RuntimeError(head.decode())
            self._upgraded, data = True, rest
            self._next()
        start, size = 0, len(data)
        while size - start >= 2:
            length, body = data[start + 1], start + 2
            if length == 126:
                if size - start < 4:
                    break
                length, body = (data[start + 2] << 8) | data[start + 3], start + 4
            if size < body + length:
                break
            if data[start] == 0x81:
                self._frame(data, body, body + length)
            start = body + length
        self._buffer = data[start:]

    def _frame(self, data: bytes, start: int, end: int) -> None:
        if self._opening:
            if b'"ok":false' in data[start:end]:
                raise RuntimeError(data[start:end].decode())
            self._opening.pop(0)
            self._next()
            return
        self._seen.count += 1
        if self._seen.measuring:
            stamp = _STAMP.search(data, start, end)
            if stamp:
                self._seen.ages.append(time.monotonic_ns() - int(stamp.group(1)))

    def _next(self) -> None:
        if self._opening:
            self._transport.write(masked(self._opening[0]))
        else:
            if self._stalls:
                self._transport.pause_reading()
            self._opened()


class Seen:
    """What one group of sockets saw."""

    def __init__(self, *, measuring: bool) -> None:
        self.measuring = measuring
        self.count = 0
        self.lost = 0
        self.ages: list[int] = []

    def result(self) -> dict[str, Any]:
        ages = sorted(self.ages)

        def at(share: float) -> float | None:
            return round(ages[min(len(ages) - 1, int(len(ages) * share))] / 1e6, 2) if ages else None

        return {"count": self.count, "lost": self.lost, "p50_ms": at(0.5), "p99_ms": at(0.99)}


async def main() -> None:
    """Open, count, report; again for each line that is read, until there is none."""
    loop = asyncio.get_running_loop()
    plan = json.loads(sys.stdin.readline())
    groups: dict[str, Seen] = {}
    for name, sockets in plan["groups"].items():
        seen = groups[name] = Seen(measuring=True)
        for first in range(0, len(sockets), 50):
            batch = sockets[first : first + 50]
            waiting = len(batch)
            done = loop.create_future()

            def opened(done: asyncio.Future[None] = done) -> None:
                nonlocal waiting
                waiting -= 1
                if waiting == 0:
                    done.set_result(None)

            for opening in batch:
                frames = [frame.encode() for frame in opening]
                await loop.create_connection(
                    lambda frames=frames, opened=opened, seen=seen, name=name: Socket(  # type: ignore[misc]
                        plan["path"], frames, opened, seen, stalls=name == "stalled"
                    ),
                    "127.0.0.1",
                    plan["port"],
                )
            await asyncio.wait_for(done, 60)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        sys.stdout.write(json.dumps({name: seen.result() for name, seen in groups.items()}) + "\n")
        sys.stdout.flush()
        for seen in groups.values():
            seen.count, seen.ages, seen.measuring = 0, [], line.strip() != "count"


if __name__ == "__main__":
    uvloop.run(main())
