"""A receiver of webhooks on loopback: `/ok` answers 204, `/hang` never does. Asked by lines, it answers by lines of JSON."""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Arrivals:
    """What came to `/ok`: how many requests, how many different ids, and the milliseconds since their publishers' stamps."""

    ids: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    first: float = 0.0
    last: float = 0.0

    def add(self, head: str, body: bytes) -> None:
        """Note one request. The stamp is the name in the payload: seconds of this machine's monotonic clock."""
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.ids.append(head.partition("webhook-id: ")[2].partition("\r\n")[0])
        self.delays.append((self.last - float(json.loads(body)["data"]["username"])) * 1000)

    def report(self) -> dict[str, Any]:
        """Counts, the seconds from the first to the last, and percentiles of the delays in milliseconds."""
        delays = sorted(self.delays) or [0.0]
        return {
            "requests": len(self.ids),
            "events": len(set(self.ids)),
            "seconds": round(self.last - self.first, 3),
            "p50_ms": round(delays[len(delays) // 2], 1),
            "p99_ms": round(delays[int(len(delays) * 0.99)], 1),
        }


async def main() -> None:
    """Serve until standard input ends. A line `begin` forgets what came; each line is answered with what came since."""
    arrivals = Arrivals()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            body = await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
            if head.startswith("post /hang"):
                await reader.read()
            else:
                arrivals.add(head, body)
                writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0, backlog=512)
    say({"port": server.sockets[0].getsockname()[1]})
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        found = arrivals.report()
        if line == "begin":
            arrivals = Arrivals()
        say(found)


def say(answer: dict[str, Any]) -> None:
    """One line."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
