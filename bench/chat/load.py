"""The load process: people on sockets who write, each as soon as the last message is acknowledged, or at a pace.

`python -m bench.chat.load` reads one JSON line (`port`, `people`: `token`, `room`, whether it `follows`), says `ready` when all
are signed in, then for each JSON line (`seconds`; `rate` in messages a second of all together, or none) has them write and
answers with one JSON line: messages acknowledged, how long that took (ms), and how old events were when they arrived (ms).
"""

import asyncio
import json
import sys
import time
import uuid
from typing import Any

import uvloop

from bench.realtime.client import Seen, Socket, masked


class Writer(Socket):
    """Somebody who writes."""

    def __init__(self, person: dict[str, Any], tally: "Tally", opened: Any) -> None:
        opening = [json.dumps({"id": 1, "t": "auth", "token": person["token"]}).encode()]
        if person["follows"]:
            opening.append(json.dumps({"id": 2, "t": "sub", "streams": {f"room:{person['room']}": {}}}).encode())
        super().__init__("/ws/v1/", opening, opened, tally.seen)
        self._room = person["room"]
        self._tally = tally
        self._sent_at = 0
        self._number = 10

    def write(self) -> None:
        """Send one message; its answer is counted."""
        self._number += 1
        self._sent_at = time.monotonic_ns()
        text = json.dumps({"stamp": self._sent_at})
        frame = {"id": self._number, "t": "message.send", "room": self._room, "cid": str(uuid.uuid4()), "d": {"text": text}}
        self._transport.write(masked(json.dumps(frame).encode()))

    def _frame(self, data: bytes, start: int, end: int) -> None:
        if self._opening or data[start : start + 5] != b'{"id"':
            # The stamp is inside a text, where its quotes are escaped.
            super()._frame(data[start:end].replace(b"\\", b""), 0, end - start)
            return
        if b'"ok":true' not in data[start:end]:
            raise RuntimeError(data[start:end].decode())
        self._tally.acknowledged(time.monotonic_ns() - self._sent_at, self)


class Tally:
    """What all of them saw."""

    def __init__(self) -> None:
        self.seen = Seen(measuring=True)
        self.answers: list[int] = []
        self.until = 0.0
        self.paced = False

    def acknowledged(self, took: int, writer: Writer) -> None:
        """A message is committed; who is not paced writes the next."""
        self.answers.append(took)
        if not self.paced and time.monotonic() < self.until:
            writer.write()

    def result(self, seconds: float) -> dict[str, Any]:
        """The figures since the last look."""
        took = sorted(self.answers)
        ages, self.answers = self.seen.result(), []
        self.seen.ages.clear()
        self.seen.count = 0
        at = {share: took[min(len(took) - 1, int(len(took) * share))] / 1e6 for share in (0.5, 0.99)} if took else {}
        return {
            "acknowledged": len(took),
            "per_s": round(len(took) / seconds),
            "ack_p50_ms": round(at.get(0.5, 0.0), 2),
            "ack_p99_ms": round(at.get(0.99, 0.0), 2),
            "delivered": ages["count"],
            "delivery_p50_ms": ages["p50_ms"],
            "delivery_p99_ms": ages["p99_ms"],
        }


async def main() -> None:
    """Serve the lines of standard input."""
    loop = asyncio.get_running_loop()
    order = json.loads(sys.stdin.readline())
    tally, writers = Tally(), []
    for person in order["people"]:
        opened = loop.create_future()
        _, writer = await loop.create_connection(
            lambda person=person, opened=opened: Writer(person, tally, lambda: opened.set_result(None)),  # type: ignore[misc]
            "127.0.0.1",
            order["port"],
        )
        await opened
        writers.append(writer)
    _say("ready")
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        began = time.monotonic()
        tally.until, tally.paced = began + asked["seconds"], asked["rate"] is not None
        if asked["rate"] is None:
            for writer in writers:
                writer.write()
            await asyncio.sleep(asked["seconds"])
        else:
            for number in range(int(asked["rate"] * asked["seconds"])):
                await asyncio.sleep(max(0.0, began + number / asked["rate"] - time.monotonic()))
                writers[number % len(writers)].write()
        elapsed = time.monotonic() - began
        await asyncio.sleep(0.5)
        _say(json.dumps(tally.result(elapsed)))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
