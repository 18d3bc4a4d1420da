"""The end of an outgoing request's time, whatever it is doing then.

httpx's timeouts bound each read and write, so a server that sends a byte now and then would hold a thread for ever. Here the
connection itself is cut when the time is over.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

_CONNECTED = frozenset(["connection.connect_tcp.complete", "connection.start_tls.complete"])


class Deadline:
    """Around one request: `trace` is httpcore's hook that tells the socket, `expired` says whether it was cut."""

    def __init__(self, at: float) -> None:
        self.expired = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(max(0.0, at - time.monotonic()), self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()

    @property
    def connected(self) -> bool:
        """Whether there ever was a connection to send on."""
        return self._socket is not None

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember the newest socket: TLS replaces the one it was laid over."""
        if event in _CONNECTED:
            self._socket = info["return_value"].get_extra_info("socket")
            if self.expired:
                self._cut()

    def _cut(self) -> None:
        self.expired = True
        if self._socket is not None:
            # The plain method: SSLSocket's own would take TLS off a socket that another thread is reading.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
