"""Small files of the data directory: private ones, atomically replaced ones, locks."""

import contextlib
import fcntl
import os
import secrets
import time
from pathlib import Path


def private_dir(path: Path) -> Path:
    """Make a directory only its owner may read."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def entry_dir(path: Path) -> Path:
    """Make a directory others may pass through only when root needs PostgreSQL's user to pass."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return path


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, with mode 0600 from its first byte."""
    # The process id in the name keeps two writers apart.
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as target:
        target.write(text)
    fresh.replace(path)


def read_or_none(path: Path) -> str | None:
    """Return a small file's text without surrounding space, None when it is missing or empty."""
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def remembered_secret(path: Path) -> str:
    """Return the secret kept in a file, made at the first call."""
    kept = read_or_none(path)
    if kept:
        return kept
    fresh = secrets.token_urlsafe(24)
    write_private(path, fresh)
    return fresh


def remembered_port(path: Path) -> int | None:
    """Return the port kept in a file, if there is a sensible one."""
    kept = read_or_none(path)
    return int(kept) if kept and kept.isdigit() and 0 < int(kept) < 65536 else None


def _flock_exclusively(descriptor: int) -> bool:
    # A few attempts: `holder` takes a shared lock for an instant to see whether it can.
    for _ in range(10):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


class FileLock:
    """An exclusive lock on a file, held until the process ends or `release`; the file names the holder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock, hardly waiting, and name this process in the file; False when another has it."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _flock_exclusively(descriptor):
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back; the file stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> int | None:
        """Return the id of the process that holds the lock, None when nobody does."""
        try:
            descriptor = os.open(self.path, os.O_RDWR)
        except FileNotFoundError:
            return None
        with contextlib.closing(os.fdopen(descriptor, "r")) as opened:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = opened.read().strip()
                return int(text) if text.isdigit() else 0
        return None
