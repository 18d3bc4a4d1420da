"""Owns how a check tells its outcome: one line each on standard output, loud about what could not be checked.

A check is a function that yields problems, none when all is well, and raises `NotCheckedError` when this
machine lacks what it needs. Refuses to turn "could not look" into "fine".
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Check = Callable[[], Iterable[str]]


class NotCheckedError(Exception):
    """What the check needs is not here; the message says what."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """How a program ended: exit code, and standard output and error as one text."""

    code: int
    output: str


def say(line: str) -> None:
    """Write one line for the reader, at once: the programs run in between write to the same place."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run_checks(checks: Mapping[str, Check]) -> int:
    """Run every check, print a line for each and the problems below it; return the process's exit code."""
    failed = skipped = 0
    for name, check in checks.items():
        try:
            problems = list(check())
        except NotCheckedError as reason:
            skipped += 1
            say(f"NOT CHECKED  {name}: {reason}")
            continue
        say(f"{'FAILED' if problems else 'ok':<11}  {name}")
        for problem in problems:
            say(f"             - {problem}")
        failed += bool(problems)
    say(f"{len(checks)} checks: {len(checks) - failed - skipped} ok, {failed} failed, {skipped} NOT CHECKED")
    return 1 if failed else 0


def find_tool(name: str) -> str:
    """Return the program's path, one beside this Python first. Raises NotCheckedError when there is none."""
    beside = shutil.which(name, path=str(Path(sys.executable).parent))
    found = beside or shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise NotCheckedError(f"{name} is not installed")
    return found


def run_tool(command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> ToolResult:
    """Run a program to its end, at most two minutes, and return what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=dict(env) if env is not None else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return ToolResult(done.returncode, done.stdout.strip())
