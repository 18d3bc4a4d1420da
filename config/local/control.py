"""`start`, `stop`, `restart`, `status`: the same instance in the background.

Owns talking to a runner from outside, through its lock, its state file and signals. The lock says who runs.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time

from config.local.banner import banner
from config.local.errors import LocalError, tail
from config.local.files import FileLock
from config.local.layout import PROJECT, Layout, WebAddress
from config.local.process import Process, alive, open_log
from config.local.state import InstanceState

# The module whose `run` is started in the background.
RUNNER_MODULE = "config.local"
_STOP_SECONDS = 60.0


def start(layout: Layout, address: WebAddress) -> int:
    """Start the runner in the background and return when the product is ready."""
    holder = FileLock(layout.lock).holder()
    if holder is not None:
        sys.stdout.write(f"Atelier already runs on {layout.root} (pid {holder}).\n")
        return 0
    layout.make()
    log = layout.log("runner")
    log.unlink(missing_ok=True)
    with open_log(log) as output:
        runner = subprocess.Popen(
            [sys.executable, "-m", RUNNER_MODULE, "run"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=PROJECT,
            start_new_session=True,
        )
    try:
        _await_ready(layout, runner)
    except KeyboardInterrupt:
        runner.terminate()
        runner.wait()
        raise
    sys.stdout.write(banner(address.url, layout.demo_env, socket=address.socket_url))
    sys.stdout.write("\nIt runs in the background: make status | logs | stop\n")
    return 0


def stop(layout: Layout) -> int:
    """Ask the runner to stop and return when it has."""
    lock = FileLock(layout.lock)
    holder = lock.holder()
    if holder is None:
        sys.stdout.write(f"Atelier does not run on {layout.root}.\n")
        return 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(holder, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while lock.holder() == holder:
        if time.monotonic() > deadline:
            raise LocalError(f"the runner (pid {holder}) has not stopped in {_STOP_SECONDS:.0f} s; see `make logs`")
        time.sleep(0.05)
    sys.stdout.write("stopped\n")
    return 0


def restart(layout: Layout, address: WebAddress) -> int:
    """Stop what runs, if anything does, and start it anew."""
    stop(layout)
    return start(layout, address)


def status(layout: Layout) -> int:
    """Print a table of the processes; 1 when nothing runs."""
    holder = FileLock(layout.lock).holder()
    state = InstanceState.read(layout.state)
    if holder is None or state is None:
        sys.stdout.write(f"Atelier does not run on {layout.root}.\n")
        return 1
    rows = [("PROCESS", "PID", "STATE", "UPTIME", "RESTARTS", "PORT")]
    rows.append(("runner", str(holder), state.phase, "", "", ""))
    for process in state.processes:
        uptime = _duration(time.time() - process.started_at) if process.pid else ""
        port = str(process.port or "")
        rows.append((process.name, str(process.pid or ""), process.state, uptime, str(process.restarts), port))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
    return 0


def _await_ready(layout: Layout, runner: Process) -> None:
    """Wait for the runner's own verdict; it knows when to give up."""
    while True:
        state = InstanceState.read(layout.state)
        if state is not None and state.pid == runner.pid and state.phase == "ready":
            return
        if not alive(runner):
            raise LocalError(f"it did not start:\n{tail(layout.log('runner'), lines=60)}")
        time.sleep(0.05)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
