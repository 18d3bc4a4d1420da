"""What the running instance tells other commands about itself: `run/state.json`.

Owns the file's form and its atomic replacement. The lock, not this file, says whether a runner lives; a file
without a held lock describes a runner that was killed.
"""

import contextlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from config.local.files import read_or_none, write_private


@dataclass
class ProcessState:
    """One line of `status`."""

    name: str
    pid: int | None
    state: str
    started_at: float
    restarts: int
    port: int | None = None
    # Ticks since boot at which the process began: with the pid it names one process for good.
    born: str = ""


@dataclass
class InstanceState:
    """The runner and its processes; `phase` is starting, ready or stopping."""

    pid: int
    phase: str
    url: str
    environment: dict[str, str] = field(default_factory=dict)
    processes: list[ProcessState] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Replace the file; it holds passwords, hence private."""
        write_private(path, json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, path: Path) -> "InstanceState | None":
        """Return the last state written, None when there is none that can be read."""
        with contextlib.suppress(ValueError, TypeError, KeyError):
            text = read_or_none(path)
            if text:
                raw = json.loads(text)
                processes = [ProcessState(**entry) for entry in raw.pop("processes")]
                return cls(**raw, processes=processes)
        return None


def birth_mark(pid: int) -> str:
    """Return when a process began, in the kernel's ticks; empty when it is gone or nobody can tell."""
    try:
        text = Path("/proc", str(pid), "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    # The second field is the program's name in brackets and may hold spaces; the start is field 22.
    return text.rpartition(")")[2].split()[19]


def is_zombie(pid: int) -> bool:
    """Say whether a process has ended and only waits for somebody to ask how."""
    with contextlib.suppress(OSError):
        text = Path("/proc", str(pid), "stat").read_text(encoding="ascii", errors="replace")
        return text.rpartition(")")[2].split()[0] == "Z"
    return False
