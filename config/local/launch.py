"""Starting engines and waiting until they answer, several side by side.

Owns the retry on another port when somebody took the chosen one in between. Watching a server after its
start is the supervisor's work.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from config.local.errors import LocalError, tail
from config.local.process import ChildSpec, Process, alive, free_port, spawn, stop

_START_SECONDS = 60.0
_PORT_ATTEMPTS = 5


class Server(Protocol):
    """What PostgreSQL and Valkey have in common."""

    @property
    def name(self) -> str: ...

    @property
    def taken_port_message(self) -> bytes: ...

    @property
    def log(self) -> Path: ...

    @property
    def url(self) -> str: ...

    @property
    def port(self) -> int: ...

    def prepare(self) -> None:
        """Make what the server needs on disk and choose a port."""

    def use_port(self, port: int) -> None:
        """Listen on this port from the next start on."""

    def spec(self) -> ChildSpec:
        """Return the command that runs the server."""

    def ready(self, pid: int, /) -> bool:
        """Say whether the server with this process id answers."""


Launched = tuple[ChildSpec, Process]


def launch(servers: Sequence[Server]) -> list[Launched]:
    """Start all servers, return when all answer; when one fails the others are stopped."""
    started: list[tuple[Server, Process, int]] = []
    launched: list[Launched] = []
    try:
        for server in servers:
            server.prepare()
            offset = _size(server.log)
            process = spawn(server.spec())
            started.append((server, process, offset))
        for server, process, offset in started:
            launched.append((server.spec(), _await_ready(server, process, offset)))
    except BaseException:
        stop([(server.spec(), process) for server, process, _ in started] + launched)
        raise
    return launched


def _await_ready(server: Server, process: Process, offset: int) -> Process:
    """Wait until a server answers, starting it again on another port when its own turns out to be taken."""
    deadline = time.monotonic() + _START_SECONDS
    attempts = 1
    while not server.ready(process.pid):
        if not alive(process):
            if attempts >= _PORT_ATTEMPTS or server.taken_port_message not in _since(server.log, offset):
                raise LocalError(f"{server.name} did not start (exit code {process.returncode}):\n{tail(server.log)}")
            attempts += 1
            server.use_port(free_port())
            offset = _size(server.log)
            process = spawn(server.spec())
        elif time.monotonic() > deadline:
            stop([(server.spec(), process)])
            raise LocalError(f"{server.name} did not answer in {_START_SECONDS:.0f} s:\n{tail(server.log)}")
        time.sleep(0.01)
    return process


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _since(path: Path, offset: int) -> bytes:
    with path.open("rb") as log:
        log.seek(offset)
        return log.read()
