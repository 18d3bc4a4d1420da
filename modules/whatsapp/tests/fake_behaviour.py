"""How the fake gateways misbehave when they are told to."""

import contextlib
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

# Nothing is done, or it is done and the caller may never know.
IDLES = frozenset(["drop_before", "hang", "status"])
WORKS = frozenset(["slow", "drop_after_accept", "wrong_body", "truncated"])


@dataclass
class Behaviour:
    """One way to misbehave, for the next `times` calls whose path ends in `path`.

    `seconds` is for slow; `code`, `body` and `headers` are for status.
    """

    behaviour: str
    times: int = 1
    path: str = ""
    seconds: float = 0.2
    code: int = 500
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.behaviour not in IDLES | WORKS:
            raise ValueError(f"unknown behaviour {self.behaviour!r}")


class Plan:
    """What is to go wrong, in turn."""

    def __init__(self) -> None:
        self._steps: list[Behaviour] = []
        self._lock = threading.Lock()

    def add(self, step: Behaviour) -> None:
        """After those that are planned already."""
        with self._lock:
            self._steps.append(step)

    def take(self, path: str) -> Behaviour | None:
        """What the call of this path gets; None when all is to be well."""
        with self._lock:
            for step in self._steps:
                if path.endswith(step.path) and step.times > 0:
                    step.times -= 1
                    return step
            return None


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Break the connection off."""
    handler.close_connection = True
    with contextlib.suppress(OSError):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes, *, headers: Mapping[str, str] | None = None) -> None:
    """Answer; a caller that hung up is no matter."""
    with contextlib.suppress(OSError):
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
