"""The one error of the local runner: a message for the person at the terminal, no traceback."""

from pathlib import Path

TAIL_LINES = 30


class LocalError(Exception):
    """Something the person at the terminal can mend; the message says what and how."""


def tail(path: Path, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log, indented, for an error message."""
    try:
        with path.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - 65536))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return "    (no log)"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (the log is empty)"
