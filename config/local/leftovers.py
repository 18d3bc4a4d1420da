"""What an earlier run left in the data directory: dying processes after a kill, long logs."""

import os
import time

from config.local.layout import Layout
from config.local.process import kill_group
from config.local.state import InstanceState, ProcessState, birth_mark, is_zombie

_LOG_BYTES = 10 * 1024 * 1024


def await_leftovers(layout: Layout, patience: float = 10.0) -> None:
    """Wait until the children of a killed runner are gone; the caller holds the lock.

    The death signal has reached them already, so they are ending; what does not end in time is killed,
    except PostgreSQL, which waits for its own data directory (config.local.postgres).
    """
    left = InstanceState.read(layout.state)
    deadline = time.monotonic() + patience
    for process in left.processes if left else []:
        if process.name == "postgres":
            continue
        if not process.pid or not (_is_ours(process) or _gone(process.pid)):
            continue
        while _is_ours(process) and not is_zombie(process.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        # Ended itself, it may have left descendants: while they live, their group's id is given to nobody else.
        kill_group(process.pid)


def rotate_logs(layout: Layout) -> None:
    """Put long logs aside as `<name>.log.1`, one generation."""
    for log in layout.logs.glob("*.log"):
        # The background runner's own log is open already.
        if log.name != "runner.log" and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _is_ours(process: ProcessState) -> bool:
    """Compare the birth too: the process id may have been given to a stranger since."""
    return bool(process.pid and process.born) and birth_mark(process.pid or 0) == process.born
