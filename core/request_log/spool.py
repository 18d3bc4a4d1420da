"""Each process's own append-only file of request-log lines.

A line is copied into a shared memory map of the file before the answer leaves: no system call, and the page cache survives the
death of the process; an fsync each second limits what a power cut can take. Space is allocated ahead, so a full disk is an
error we count and not a crash; behind the last line the file is zeros until its writer finishes it. A reader takes whole lines
up to the first zero: a line of which only a part has arrived still has one.

A writer holds an exclusive flock on its file for as long as it may still write, so the shipper knows a finished file by being
able to lock it. Files appear under their final name already locked. The directory is bounded: beyond its size the oldest
finished files are dropped, and counted in `dropped.tally`.
"""

import contextlib
import fcntl
import logging
import mmap
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from core.ids import uuid7
from core.once import once

log = logging.getLogger(__name__)
SUFFIX = ".log"
TALLY = "dropped.tally"
READ_BYTES = 1 << 20
# As much as other threads can have written while a file is being finished.
MARGIN_BYTES = 1 << 16


class SpoolWriter:
    """Appends lines; rotates at `segment_bytes`; keeps the directory under `max_bytes`."""

    def __init__(self, directory: Path, *, segment_bytes: int, max_bytes: int) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._fd = -1
        self._map: mmap.mmap | None = None
        self._pid = 0
        self._dirty = False
        self._sealed: list[int] = []
        self._last_complaint = 0.0

    def write(self, line: bytes) -> None:
        """Append one line. Never raises: a line the disk refuses is counted as dropped.

        Writing to the map is a single step of the interpreter, so threads need no lock; one would make them queue for each other.
        """
        mapped = self._map
        if mapped is not None and self._pid == os.getpid():
            try:
                mapped.write(line)
                self._dirty = True
            except ValueError:
                # Full, or finished by another thread a moment ago.
                mapped = None
        else:
            mapped = None
        if mapped is None:
            self._write_to_new(line)

    def _write_to_new(self, line: bytes) -> None:
        with self._lock:
            try:
                if self._pid != os.getpid():
                    self._adopt()
                if self._map is None or self._map.size() - self._map.tell() < len(line):
                    self._rotate()
                self._append(line)
            except (OSError, ValueError) as error:
                self._refused(error)

    def _append(self, line: bytes) -> None:
        try:
            self._current().write(line)
        except ValueError:
            # Other threads filled it first. A line that does not fit an empty file either is refused.
            self._rotate()
            self._current().write(line)
        self._dirty = True

    def _current(self) -> mmap.mmap:
        if self._map is None:
            raise OSError("no spool file")
        return self._map

    def close(self) -> None:
        """Finish the file; the shipper may take and remove it."""
        with self._lock:
            if self._pid == os.getpid():
                self._seal()
                for fd in self._sealed:
                    os.close(fd)
            self._fd, self._map, self._sealed = -1, None, []

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
        self._pid, self._fd, self._map, self._sealed = os.getpid(), -1, None, []
        threading.Thread(target=self._sync_forever, name="spool-fsync", daemon=True).start()

    def _seal(self) -> None:
        """Cut the file to what was written. Its lock stays until the descriptor is closed."""
        if self._map is not None:
            end = self._map.tell()
            self._map.close()
            # Another thread may have written between the two; after the second none can.
            late = os.pread(self._fd, MARGIN_BYTES, end)
            zero = late.find(b"\0")
            os.ftruncate(self._fd, end + (len(late) if zero < 0 else zero))
            self._sealed.append(self._fd)
        self._fd, self._map = -1, None

    def _sync_forever(self) -> None:
        while True:
            time.sleep(1.0)
            try:
                self.sync()
            except OSError as error:
                log.warning("The spool could not be synced: %s", error)

    def _rotate(self) -> None:
        self._seal()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._make_room()
        name = str(uuid7())
        hidden = self._directory / f".{name}"
        fd = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            os.posix_fallocate(fd, 0, self._segment_bytes)
            fcntl.flock(fd, fcntl.LOCK_EX)
            self._map = mmap.mmap(fd, self._segment_bytes)
            hidden.rename(self._directory / f"{name}{SUFFIX}")
        except OSError:
            self._map = None
            os.close(fd)
            hidden.unlink(missing_ok=True)
            raise
        self._fd = fd

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

    def _refused(self, error: Exception) -> None:
        if time.monotonic() - self._last_complaint > 1.0:
            self._last_complaint = time.monotonic()
            log.error("The request log could not be written: %s", error)
        try:
            _tally(self._directory, 1)
        except OSError:
            log.exception("A request-log row was dropped and could not be counted")


def whole_lines(path: Path, offset: int, limit: int) -> bytes:
    """The whole lines from `offset`, about `limit` bytes at most. Raises FileNotFoundError.

    What follows the first zero or the last line end is not written yet, or was cut off by a crash before it was answered.
    """
    found = bytearray()
    with path.open("rb") as file:
        file.seek(offset)
        while len(found) < limit and (block := file.read(min(READ_BYTES, limit - len(found)))):
            zero = block.find(b"\0")
            found += block if zero < 0 else block[:zero]
            if zero >= 0:
                break
    # In place: a batch is held twice here, not three times.
    del found[found.rfind(b"\n") + 1 :]
    return bytes(found)


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


@once
def spool() -> SpoolWriter:
    """The process's writer."""
    return SpoolWriter(settings.SPOOL_DIR, segment_bytes=settings.SPOOL_SEGMENT_BYTES, max_bytes=settings.SPOOL_MAX_BYTES)
