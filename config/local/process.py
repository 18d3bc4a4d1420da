"""Child processes that never outlive the runner.

Owns how a child is spawned (own session, log file, user, death signal) and how a group of them is stopped.
It decides nothing about what runs or when to restart it.

The kernel sends the death signal when the *thread* that spawned the child ends, therefore spawning is
refused outside the main thread. https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
"""

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from config.local.account import SAME_ACCOUNT, Account

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class ChildSpec:
    """All there is to know to start one child and to stop it."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    account: Account = SAME_ACCOUNT
    # What the child gets when the runner dies without stopping it.
    death_signal: signal.Signals = signal.SIGKILL
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10.0


def die_with_parent(signum: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to send this process a signal when its parent dies. Linux only, elsewhere nothing."""
    _set_death_signal(signum)
    # The parent may have died before the call: whoever adopted this process belongs to another session.
    if os.getsid(0) != os.getpid() and _session_of_parent() != os.getsid(0):
        os.kill(os.getpid(), signum)


def _session_of_parent() -> int | None:
    try:
        return os.getsid(os.getppid())
    except ProcessLookupError:
        return None


def spawn(spec: ChildSpec) -> Process:
    """Start the child in its own session with its output appended to its log."""
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("children are spawned by the main thread: the death signal follows the thread")
    with open_log(spec.log) as log:
        return subprocess.Popen(
            [*spec.account.prefix, *spec.argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(spec.env),
            cwd=spec.cwd,
            # A terminal's Ctrl-C then reaches the runner alone, which stops its children in order.
            start_new_session=True,
            # Popen changes the user before it calls this; the other way round the kernel forgets the signal.
            preexec_fn=death_hook(spec.death_signal),  # noqa: PLW1509 - spawned by one thread, see above
            **spec.account.popen_options(),
        )


def death_hook(signum: signal.Signals) -> Callable[[], None]:
    """Return what a child runs between fork and exec to die with this process."""
    parent = os.getpid()

    def hook() -> None:
        _set_death_signal(signum)
        if os.getppid() != parent:
            os._exit(1)

    return hook


def open_log(path: Path) -> BinaryIO:
    """Open a log for appending, readable by its owner only."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def alive(process: Process) -> bool:
    """Say whether a child is still running."""
    return process.poll() is None


def stop(children: Sequence[tuple[ChildSpec, Process]], *, patience: Callable[[], bool] = lambda: True) -> None:
    """Ask all to end, wait for the longest grace among them, then kill what is left and its descendants.

    `patience` is asked while waiting; when it answers False the wait ends at once.
    """
    for spec, process in children:
        if alive(process):
            process.send_signal(spec.stop_signal)
    deadline = time.monotonic() + max((spec.grace_seconds for spec, _ in children), default=0.0)
    while time.monotonic() < deadline and patience() and any(alive(process) for _, process in children):
        time.sleep(0.02)
    for _, process in children:
        if alive(process):
            kill_group(process.pid)
        process.wait()
        kill_group(process.pid)


def kill_group(leader: int) -> None:
    """Kill a child's session group: what a dead main process left behind, or all of a stubborn one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def free_port(host: str = "127.0.0.1") -> int:
    """Return a TCP port nobody listens on at this moment, nor on the next one. Raises OSError when none is found.

    Below the range that systems take outgoing connections' ports from, where it could be gone a moment later.
    """
    chance = random.SystemRandom()
    for _ in range(500):
        port = chance.randrange(20_000, 32_000)
        if port_is_free(port, host) and port_is_free(port + 1, host):
            return port
    raise OSError("no free port was found from 20000 to 32000")


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether nobody listens on a TCP port, not even one who would share it (SO_REUSEPORT)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _set_death_signal(signum: signal.Signals) -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
