"""The shipper: finds spooled lines on this host's disk and loads them, until told to stop.

It needs nothing of the writers: it reads each file from the committed offset to its last whole line, and removes a file that it
can lock (its writer is gone or went on to another) and that is loaded to its end. A transaction is bounded by MAX_BATCH_BYTES,
memory by a chunk of CHUNK_BYTES for each of LOADERS. The marks of files that are still here are renewed now and then, so that
housekeeping takes only those of files that are gone.
"""

import contextlib
import fcntl
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.utils import timezone
from psycopg import Error as DriverError

from analytics.loading import Chunk, load
from analytics.models import SpoolFile
from core.request_log.spool import READ_BYTES, SUFFIX, whole_lines

log = logging.getLogger(__name__)
# About half a million rows: the more at once, the fewer cells a row, and each is written once a batch.
MAX_BATCH_BYTES = 96 << 20
CHUNK_BYTES = 8 << 20
LOADERS = 2
# A load costs the same for ten rows as for ten thousand: under steady traffic there is one a second, behind a backlog no pause.
PAUSE_SECONDS = 1.0
BACKLOG_ROWS = 50_000
MAX_BACKOFF_SECONDS = 10.0
RENEW_MARKS_SECONDS = 3600.0


class AlreadyShipping(Exception):
    """Another shipper works on this directory."""


@dataclass(slots=True)
class Shipper:
    """Ships one spool directory."""

    directory: Path
    stopping: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic
    _renewed_at: float = field(default=-math.inf, init=False)

    def run(self) -> None:
        """Ship until `stopping` is set. Raises AlreadyShipping."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._only_one():
            backoff = PAUSE_SECONDS
            while not self.stopping.is_set():
                try:
                    shipped = self.ship_once()
                    backoff = PAUSE_SECONDS
                    if shipped < BACKLOG_ROWS:
                        self.stopping.wait(PAUSE_SECONDS)
                except (DatabaseError, InterfaceError, DriverError) as error:
                    log.warning("PostgreSQL is away (%s); the spool keeps the rows", type(error).__name__)
                    connection.close()
                    self.stopping.wait(backoff)
                    backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)
                close_old_connections()

    def ship_once(self) -> int:
        """Load what waits now and remove finished files; the number of rows. A backlog is loaded over LOADERS connections."""
        files = sorted(self.directory.glob(f"*{SUFFIX}"))
        self._renew_marks(files)
        groups = _groups(files)
        if len(groups) == 1:
            return _ship(groups[0])
        with ThreadPoolExecutor(LOADERS, "loader") as loaders:
            return sum(loaders.map(self._ship_apart, groups))

    def _ship_apart(self, files: list[Path]) -> int:
        try:
            return 0 if self.stopping.is_set() else _ship(files)
        finally:
            connection.close()

    def _renew_marks(self, files: list[Path]) -> None:
        """A file that nobody writes to for a month keeps its mark; without it, it would be loaded again."""
        now = self.clock()
        if now - self._renewed_at >= RENEW_MARKS_SECONDS:
            SpoolFile.objects.filter(pk__in=[file.name for file in files]).update(updated_at=timezone.now())
            self._renewed_at = now

    def _only_one(self) -> "_DirectoryLock":
        return _DirectoryLock(self.directory / ".shipper.lock")


class _DirectoryLock:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def __enter__(self) -> None:
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise AlreadyShipping(str(self._path.parent)) from error

    def __exit__(self, *exc: object) -> None:
        os.close(self._fd)


def _offsets(files: list[Path]) -> dict[str, int]:
    return dict(SpoolFile.objects.filter(pk__in=[file.name for file in files]).values_list("name", "offset"))


def _groups(files: list[Path]) -> list[list[Path]]:
    """The files in order, parted so that not much more than a batch waits in each part."""
    offsets = _offsets(files)
    groups: list[list[Path]] = [[]]
    waiting = 0
    for path in files:
        try:
            more = path.stat().st_size - offsets.get(path.name, 0)
        except FileNotFoundError:
            continue
        if groups[-1] and waiting + more > MAX_BATCH_BYTES:
            groups.append([])
            waiting = 0
        groups[-1].append(path)
        waiting += more
    return groups


def _ship(files: list[Path]) -> int:
    """Load one batch of these files and remove the finished ones; the number of rows."""
    offsets = _offsets(files)
    batch = _Batch(files, offsets)
    rows = 0
    if any(True for _ in batch):
        rows = load(batch)
        # What is committed counts, not what was read: another loader may have been first with a chunk.
        offsets = _offsets(files)
    for path in files:
        _remove_if_done(path, offsets.get(path.name, 0))
    return rows


@dataclass(frozen=True, slots=True)
class _Batch:
    """The chunks that wait in some files, MAX_BATCH_BYTES at most. They are read whenever it is gone through, never held."""

    files: list[Path]
    offsets: dict[str, int]

    def __iter__(self) -> Iterator[Chunk]:
        left = MAX_BATCH_BYTES
        for path in self.files:
            offset = self.offsets.get(path.name, 0)
            while data := self._read(path, offset, min(left, CHUNK_BYTES)):
                yield Chunk(path.name, offset, data)
                left -= len(data)
                offset += len(data)

    def _read(self, path: Path, offset: int, limit: int) -> bytes:
        try:
            return whole_lines(path, offset, limit)
        except FileNotFoundError:
            # Dropped by a writer that had to make room.
            return b""


def _remove_if_done(path: Path, loaded: int) -> None:
    """Remove a file whose writer is gone and whose every whole line is loaded; a torn last line was never answered."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A line is shorter than this: where there is no whole one in it, none follows.
            if not whole_lines(path, loaded, READ_BYTES):
                path.unlink()
    except OSError:
        return


def bytes_waiting(directory: Path) -> int:
    """Bytes of whole lines on this host's disk that are not loaded yet, counted up to a gigabyte."""
    files = list(directory.glob(f"*{SUFFIX}"))
    offsets = _offsets(files)
    total = 0
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            total += len(whole_lines(file, offsets.get(file.name, 0), 1 << 30))
    return total
