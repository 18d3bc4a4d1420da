"""A receiver of webhooks on loopback, as strict as a careful integrator: it notes what came and answers as it is told."""

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

Behaviour = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Received:
    """One request: headers in lower case, the very bytes of the body."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def verify(self, secret: str) -> Any:
        """What the published library says to the signature; raises when it is wrong."""
        return Webhook(secret).verify(self.body, self.headers)


def answers(status: int, body: bytes = b"ok", **headers: str) -> Behaviour:
    """Answer with a status."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(body)

    return behave


def hangs(seconds: float) -> Behaviour:
    """Read the request, say nothing for so long, then answer well."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        with contextlib.suppress(OSError):
            answers(200)(handler)

    return behave


def resets(handler: BaseHTTPRequestHandler) -> None:
    """Break the connection off with a reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def breaks_off(handler: BaseHTTPRequestHandler) -> None:
    """Promise a body and end in the middle of it."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"half")
    handler.close_connection = True


@dataclass
class Flood:
    """Answers 200 with a body of so many bytes; `sent` is how many of each left before the other side hung up."""

    size: int
    sent: list[int] = field(default_factory=list)

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(self.size))
        handler.end_headers()
        sent, chunk = 0, b"x" * 65536
        with contextlib.suppress(OSError):
            while sent < self.size:
                sent += handler.connection.send(chunk[: self.size - sent])
        self.sent.append(sent)
        handler.close_connection = True


@dataclass
class Receiver:
    """Answers with the planned behaviours in turn, the last one for good."""

    plan: list[Behaviour] = field(default_factory=lambda: [answers(200)])
    seen: list[Received] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def place(self) -> str:
        """As OUTGOING_ALLOWED_PRIVATE names it."""
        return f"127.0.0.1:{self.port}"

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers["Content-Length"])
        body = handler.rfile.read(length)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._lock:
            self.seen.append(Received(handler.path, headers, body, time.monotonic()))
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            behave = self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]
        try:
            behave(handler)
        finally:
            with self._lock:
                self._now -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is part of the plan."""


@contextlib.contextmanager
def receiving(*plan: Behaviour, port: int = 0) -> Iterator[Receiver]:
    """A receiver for the length of a block."""
    receiver = Receiver(list(plan) or [answers(200)])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.take(self)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = _Server(("127.0.0.1", port), Handler)
    receiver.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
