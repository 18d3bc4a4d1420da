"""Run one command with services in its environment: throw-away ones, or those of the running instance."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from config.local.errors import LocalError
from config.local.files import FileLock
from config.local.layout import Layout
from config.local.process import death_hook
from config.local.scratch import ScratchServices
from config.local.state import InstanceState

_FORWARDED = (signal.SIGTERM, signal.SIGHUP)


def run_with_scratch_services(command: Sequence[str]) -> int:
    """Run a command against throw-away services and return its exit code."""
    with ScratchServices() as services:
        return _foreground(command, os.environ | services.environment())


def run_with_running_services(layout: Layout, command: Sequence[str]) -> int:
    """Run a command with the environment of the running instance and return its exit code."""
    state = InstanceState.read(layout.state)
    if FileLock(layout.lock).holder() is None or state is None or not state.environment:
        raise LocalError(f"Atelier does not run on {layout.root}: start it first (make start)")
    return _foreground(command, os.environ | state.environment)


def _foreground(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command in this terminal and wait for it, whatever signals arrive meanwhile."""
    executable = _interpreter_for(command[0])
    try:
        child = subprocess.Popen(
            [executable, *command[1:]],
            env=dict(environment),
            preexec_fn=death_hook(signal.SIGKILL),  # noqa: PLW1509 - this process has one thread
        )
    except OSError as error:
        raise LocalError(f"cannot run {command[0]}: {error.strerror}") from error
    # The terminal sends Ctrl-C to the command as well: it decides, and the services outlive it.
    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    for signum in _FORWARDED:
        before[signum] = signal.signal(signum, lambda received, _frame: child.send_signal(received))
    try:
        code = child.wait()
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
    return code if code >= 0 else 128 - code


def _interpreter_for(program: str) -> str:
    """Let `python` mean the interpreter of this environment, activated or not."""
    return sys.executable if program in {"python", "python3"} else program
