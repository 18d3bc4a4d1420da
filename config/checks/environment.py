"""Owns the check that every environment variable somebody sets or reads is documented in .env.example.

Reads the settings' source, not the settings: it must work before anything can be imported.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from config.checks import compose

_DOCUMENTED = re.compile(r"^#?\s?([A-Z][A-Z0-9_]+)=")
_READ = re.compile(r"(?:\benv\.\w+|\bparse_keyring|environ\.get|environ\.setdefault|getenv)\(\s*\"([A-Z][A-Z0-9_]+)\"")
_UNIT = re.compile(r"([A-Z][A-Z0-9_]+)=")
# Read by Python itself, or by the test runner's own processes.
_NOT_OURS = frozenset({"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTEST_XDIST_WORKER"})


def documented(path: Path) -> set[str]:
    """Return the names an example file documents; a commented-out assignment documents its default."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {match[1] for line in lines if (match := _DOCUMENTED.match(line))}


def read_by_settings(root: Path) -> set[str]:
    """Return the names that the settings read."""
    sources = (root / "config" / "settings").rglob("*.py")
    return {name for path in sources for name in _READ.findall(path.read_text(encoding="utf-8"))}


def set_by_units(root: Path) -> set[str]:
    """Return the names that the systemd units set."""
    folder = root / "docker" / "systemd"
    names: set[str] = set()
    for path in [*folder.glob("*.service"), *folder.glob("*/*.conf")]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("Environment="):
                names.update(_UNIT.findall(line.removeprefix("Environment=")))
    return names


def names_in_step(root: Path) -> Iterator[str]:
    """Yield variables that are set or read somewhere and documented nowhere."""
    example = root / ".env.example"
    if not example.exists():
        yield ".env.example does not exist"
        return
    known = documented(example)
    deployment = documented(root / "docker" / "production.env.example")
    files = [root / name for name in (compose.BASE, *compose.OVERRIDES)]
    filled_in = {name for path in files for name in compose.interpolated(path)}
    given = {name for path in files for name in compose.application_environment(path)}
    for place, names in (
        ("config/settings", read_by_settings(root)),
        ("the compose files", given),
        ("docker/systemd", set_by_units(root)),
        ("docker/production.env.example", deployment - filled_in),
    ):
        yield from (f"{name} ({place}) is not in .env.example" for name in sorted(names - known - _NOT_OURS))
    for name in sorted(filled_in - known - deployment):
        yield f"{name} (filled into a compose file) is in neither example file"
