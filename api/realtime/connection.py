"""One socket: its queue, who it belongs to, what it follows."""

import logging
import random
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from api.realtime.choices import (
    COMMAND_BURST,
    COMMANDS_PER_SECOND,
    EPHEMERAL_QUEUE_FRAMES,
    QUEUE_BYTES,
    QUEUE_FRAMES,
    Close,
)
from api.realtime.credentials import Credential
from api.realtime.protocol import FanOutProtocol
from core.ids import uuid7_text
from core.principals import Principal
from events.hub import Frame

log = logging.getLogger(__name__)


class Connection:
    """Writes straight to the transport while the peer reads, queues while it does not, and closes with 4408 beyond a bound.

    No task and no lock of its own: everything happens on the event loop, and nothing here waits.
    """

    __slots__ = (
        *("id", "address", "credential", "principal", "streams", "expiry", "slow", "closed"),
        *("_protocol", "_queue", "_queued_bytes", "_tokens", "_refilled"),
    )

    def __init__(self, protocol: FanOutProtocol, address: str | None) -> None:
        self.id = uuid7_text()
        self.address = address
        self.credential: Credential | None = None
        self.principal: Principal | None = None
        self.streams: set[str] = set()
        self.expiry: Any = None
        self.slow = False
        self.closed = False
        self._protocol = protocol
        self._queue: deque[Frame] = deque()
        self._queued_bytes = 0
        self._tokens = float(COMMAND_BURST)
        self._refilled = time.monotonic()
        protocol.on_writable = self._flush
        protocol.on_restart = self._restart

    def deliver(self, frame: Frame) -> None:
        """Send a frame, or queue it behind others."""
        protocol = self._protocol
        if not self._queue and protocol.is_writable:
            if protocol.is_open:
                protocol.write(frame.wire)
            return
        if self.slow or (frame.seq == 0 and len(self._queue) >= EPHEMERAL_QUEUE_FRAMES):
            return
        self._queue.append(frame)
        self._queued_bytes += len(frame.wire)
        if len(self._queue) > QUEUE_FRAMES or self._queued_bytes > QUEUE_BYTES:
            self.slow = True
            self._queue.clear()
            self._queued_bytes = 0
            self.close(Close.SLOW, "too slow")

    def send(self, message: dict[str, Any]) -> None:
        """Send a message made for this connection alone."""
        self.deliver(Frame(orjson.dumps(message), -1))

    def send_raw(self, text: bytes) -> None:
        """The same with JSON already; larger than the queue's bound only when the peer reads."""
        self.deliver(Frame(text, -1))

    def fail(
        self,
        number: Any,
        code: str,
        message: str,
        *,
        temporary: bool = False,
        retry_ms: int | None = None,
        details: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """Answer a command with an error; `details` name the fields."""
        error: dict[str, Any] = {"code": code, "message": message, "temporary": temporary}
        if retry_ms is not None:
            error["retry_ms"] = retry_ms
        if details:
            error["details"] = details
        self.send({"id": number, "ok": False, "err": error})

    def close(self, code: Close, reason: str = "") -> None:
        """Close; what is queued is not sent any more."""
        self._protocol.close(code, reason)

    def spend(self) -> int:
        """Take one command from the allowance; 0, or the milliseconds until the next one."""
        now = time.monotonic()
        self._tokens = min(float(COMMAND_BURST), self._tokens + (now - self._refilled) * COMMANDS_PER_SECOND)
        self._refilled = now
        if self._tokens < 1:
            return int((1 - self._tokens) / COMMANDS_PER_SECOND * 1000) + 1
        self._tokens -= 1
        return 0

    def _flush(self) -> None:
        protocol = self._protocol
        while self._queue and protocol.is_writable and protocol.is_open:
            frame = self._queue.popleft()
            self._queued_bytes -= len(frame.wire)
            protocol.write(frame.wire)

    def _restart(self) -> None:
        # Clients come back at different moments, to whichever process is there.
        self.send({"t": "restart", "d": {"retry_ms": random.randrange(200, 3000)}})  # noqa: S311 - spreads load
        self.close(Close.RESTART, "restarting")
