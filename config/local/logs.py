"""`logs`: follow the log files of the data directory, each line with the name of its file in front."""

import sys
import time
from pathlib import Path

from config.local.errors import LocalError
from config.local.layout import Layout

_FIRST_LINES = 10
_PAUSE_SECONDS = 0.25


class Followed:
    """One log file and how far it has been printed."""

    def __init__(self, path: Path, *, from_end: bool) -> None:
        self.path = path
        self.name = path.stem
        self.offset = _offset_of_last_lines(path, _FIRST_LINES) if from_end else 0
        self._rest = b""

    def new_lines(self) -> list[str]:
        """Return the whole lines written since the last call."""
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < self.offset:
            # The file was put aside or begun anew.
            self.offset, self._rest = 0, b""
        if size == self.offset:
            return []
        with self.path.open("rb") as log:
            log.seek(self.offset)
            data = self._rest + log.read(size - self.offset)
        self.offset = size
        *lines, self._rest = data.split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]


def follow(layout: Layout, name: str | None) -> int:
    """Print what is written to all logs, or to one, until Ctrl-C."""
    if name and not layout.log(name).exists():
        known = ", ".join(sorted(path.stem for path in layout.logs.glob("*.log"))) or "none yet"
        raise LocalError(f"there is no log called {name!r} (there are: {known})")
    followed: dict[Path, Followed] = {}
    first = True
    try:
        while True:
            for path in [layout.log(name)] if name else sorted(layout.logs.glob("*.log")):
                if path not in followed:
                    followed[path] = Followed(path, from_end=first)
            _print_new(list(followed.values()))
            first = False
            time.sleep(_PAUSE_SECONDS)
    except KeyboardInterrupt:
        return 0


def _print_new(logs: list[Followed]) -> None:
    width = max((len(log.name) for log in logs), default=0)
    for log in logs:
        for line in log.new_lines():
            sys.stdout.write(f"{log.name:<{width}} | {line}\n")
    sys.stdout.flush()


def _offset_of_last_lines(path: Path, count: int) -> int:
    with path.open("rb") as log:
        size = log.seek(0, 2)
        start = max(0, size - 65536)
        log.seek(start)
        data = log.read()
    lines = data.split(b"\n")
    return start + len(b"\n".join(lines[: -(count + 1)])) + 1 if len(lines) > count + 1 else start
