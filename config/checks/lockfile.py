"""Owns the reading of requirements/*.in and of the locks that uv writes. Judges nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)(\[[\w,.-]+\])?==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})\b")


@dataclass(frozen=True, slots=True)
class Declared:
    """One line of a list, with the file it stands in."""

    requirement: Requirement
    source: str

    @property
    def name(self) -> str:
        """The package's normalised name."""
        return canonicalize_name(self.requirement.name)


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock: its version, its hashes, and whom it is there for."""

    name: str
    version: str
    hashes: frozenset[str]
    via: frozenset[str]


def read_declared(path: Path) -> list[Declared]:
    """Return the requirements of a list and of those it includes by `-r`; unreadable lines are left out."""
    declared: list[Declared] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.split(" #", 1)[0].strip()
        if text.startswith("-r "):
            declared += read_declared(path.with_name(text.removeprefix("-r ").strip()))
        elif text and not text.startswith("#"):
            try:
                declared.append(Declared(Requirement(text), path.name))
            except InvalidRequirement:
                continue
    return declared


def read_lock(path: Path) -> dict[str, Pin]:
    """Return the pins of a lock by normalised name."""
    # Parsed once for all the checks that look at the same text.
    return _parse_lock(path.read_text(encoding="utf-8"))


@cache
def _parse_lock(text: str) -> dict[str, Pin]:
    pins: dict[str, Pin] = {}
    for block in _blocks(text):
        if match := _PIN.match(block[0]):
            name = canonicalize_name(match["name"])
            hashes = frozenset(found for line in block for found in _HASH.findall(line))
            pins[name] = Pin(name, match["version"], hashes, frozenset(_reasons(block)))
    return pins


def _blocks(text: str) -> Iterator[list[str]]:
    """Yield the lines of each entry: one that begins at the margin, and the indented ones after it."""
    block: list[str] = []
    for line in text.splitlines():
        if line[:1].strip() and not line.startswith("#"):
            if block:
                yield block
            block = [line]
        elif block:
            block.append(line)
    if block:
        yield block


def _reasons(block: list[str]) -> Iterator[str]:
    """Yield whom an entry is there for: the names after `# via`, on the same line or on the ones below it."""
    comments = [line.strip().removeprefix("#").strip() for line in block if line.strip().startswith("#")]
    for comment in comments:
        reason = comment.removeprefix("via").strip() if comment.startswith("via") else comment
        if reason:
            yield reason if reason.startswith("-r ") else canonicalize_name(reason)
