"""Each process's own append-only file of request-log lines.

One `write()` per answered request, before the answer leaves: the page cache survives the death of the process; an fsync each
second limits what a power cut can take. A writer holds an exclusive flock on its file for as long as it may still write, so the
shipper knows a finished file by being able to lock it. Files appear under their final name already locked.
The directory is bounded: beyond its size the oldest finished files are dropped, and counted in `dropped.tally`.
"""

import contextlib
import fcntl
import logging
import os
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

from core.ids import uuid7

log = logging.getLogger(__name__)
SUFFIX = ".log"
TALLY = "dropped.tally"


class SpoolWriter:
    """Appends lines; rotates at `segment_bytes`; keeps the directory under `max_bytes`."""

    def __init__(self, directory: Path, *, segment_bytes: int, max_bytes: int) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._fd = -1
        self._pid = 0
        self._size = 0
        self._dirty = False
        self._sealed: list[int] = []
        self._last_complaint = 0.0

    def write(self, line: bytes) -> None:
        """Append one line. Never raises: a line the disk refuses is counted as dropped."""
        with self._lock:
            try:
                if self._pid != os.getpid():
                    self._adopt()
                if self._fd < 0 or self._size >= self._segment_bytes:
                    self._rotate()
                written = os.write(self._fd, line)
                if written != len(line):
                    os.ftruncate(self._fd, self._size)
                    raise OSError("short write")
                self._size += written
                self._dirty = True
            except OSError as error:
                self._refused(error)

    def close(self) -> None:
        """Finish the file; the shipper may take and remove it."""
        with self._lock:
            if self._fd >= 0 and self._pid == os.getpid():
                os.close(self._fd)
            self._fd = -1

    def sync(self) -> None:
        """Flush to the disk what was written since the last call."""
        with self._lock:
            sealed, self._sealed = self._sealed, []
            active = os.dup(self._fd) if self._dirty and self._fd >= 0 else -1
            self._dirty = False
        with contextlib.ExitStack() as stack:
            for fd in [*sealed, active]:
                if fd >= 0:
                    # Closed whatever happens to the others: an open file stays locked, and is never shipped.
                    stack.callback(os.close, fd)
                    stack.callback(os.fsync, fd)

    def _adopt(self) -> None:
        """First write in this process (or in a forked child, whose inherited descriptor is the parent's business)."""
        self._pid, self._fd, self._size, self._sealed = os.getpid(), -1, 0, []
        threading.Thread(target=self._sync_forever, name="spool-fsync", daemon=True).start()

    def _sync_forever(self) -> None:
        while True:
            time.sleep(1.0)
            try:
                self.sync()
            except OSError as error:
                log.warning("The spool could not be synced: %s", error)

    def _rotate(self) -> None:
        if self._fd >= 0:
            self._sealed.append(self._fd)
            self._fd = -1
        self._directory.mkdir(parents=True, exist_ok=True)
        self._make_room()
        name = str(uuid7())
        hidden = self._directory / f".{name}"
        fd = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640)
        fcntl.flock(fd, fcntl.LOCK_EX)
        hidden.rename(self._directory / f"{name}{SUFFIX}")
        self._fd, self._size = fd, 0

    def _make_room(self) -> None:
        files = sorted(self._directory.glob(f"*{SUFFIX}"))
        total = sum(_size(path) for path in files)
        for path in files:
            if total + self._segment_bytes <= self._max_bytes:
                return
            size = _size(path)
            if rows := _drop_finished(path):
                total -= size
                _tally(self._directory, rows)
                log.error("The request-log spool is full: dropped %d of the oldest rows", rows)

    def _refused(self, error: OSError) -> None:
        if time.monotonic() - self._last_complaint > 1.0:
            self._last_complaint = time.monotonic()
            log.error("The request log could not be written: %s", error)
        try:
            _tally(self._directory, 1)
        except OSError:
            log.error("A request-log row was dropped and could not be counted")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _drop_finished(path: Path) -> int:
    """Remove a file nobody writes or ships any more; the number of its rows, 0 when it is in use or gone."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            rows = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
            path.unlink(missing_ok=True)
            return rows
    except OSError:
        return 0


def _tally(directory: Path, rows: int) -> None:
    fd = os.open(directory / TALLY, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    try:
        os.write(fd, f"{rows}\n".encode())
    finally:
        os.close(fd)


@dataclass(frozen=True, slots=True)
class SpoolState:
    """What waits on this host's disk: files, bytes, and rows dropped so far."""

    files: int
    bytes: int
    dropped_rows: int


def spool_state() -> SpoolState:
    """The state of this host's spool directory."""
    files = list(settings.SPOOL_DIR.glob(f"*{SUFFIX}"))
    tally = settings.SPOOL_DIR / TALLY
    dropped = sum(int(line) for line in tally.read_text().split()) if tally.is_file() else 0
    return SpoolState(len(files), sum(_size(path) for path in files), dropped)


@cache
def spool() -> SpoolWriter:
    """The process's writer."""
    return SpoolWriter(settings.SPOOL_DIR, segment_bytes=settings.SPOOL_SEGMENT_BYTES, max_bytes=settings.SPOOL_MAX_BYTES)
