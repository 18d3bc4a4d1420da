"""The shipper: finds spooled lines on this host's disk and loads them, until told to stop.

It needs nothing of the writers: it reads each file from the committed offset to its last whole line, and removes a file that it can
lock (its writer is gone or went on to another) and that is loaded to its end. Memory is bounded by MAX_BATCH_BYTES.
"""

import contextlib
import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.db import DatabaseError, close_old_connections, connection
from psycopg import Error as DriverError

from analytics.loading import Chunk, load
from analytics.models import SpoolFile
from core.request_log.spool import SUFFIX

log = logging.getLogger(__name__)
MAX_BATCH_BYTES = 48 << 20
IDLE_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 10.0


class AlreadyShipping(Exception):
    """Another shipper works on this directory."""


@dataclass(slots=True)
class Shipper:
    """Ships one spool directory."""

    directory: Path
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Ship until `stopping` is set. Raises AlreadyShipping."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._only_one():
            backoff = IDLE_SECONDS
            while not self.stopping.is_set():
                try:
                    shipped = self.ship_once()
                    backoff = IDLE_SECONDS
                    if not shipped:
                        self.stopping.wait(IDLE_SECONDS)
                except (DatabaseError, DriverError) as error:
                    log.warning("PostgreSQL is away (%s); the spool keeps the rows", type(error).__name__)
                    connection.close()
                    self.stopping.wait(backoff)
                    backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)
                close_old_connections()

    def ship_once(self) -> int:
        """Load one batch and remove finished files; the number of rows."""
        files = sorted(self.directory.glob(f"*{SUFFIX}"))
        offsets = dict(SpoolFile.objects.filter(pk__in=[file.name for file in files]).values_list("name", "offset"))
        chunks = list(_chunks(files, offsets))
        rows = load(chunks) if chunks else 0
        loaded = {chunk.name: chunk.offset + len(chunk.data) for chunk in chunks}
        for file in files:
            _remove_if_done(file, loaded.get(file.name, offsets.get(file.name, 0)))
        return rows

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


def _chunks(files: list[Path], offsets: dict[str, int]) -> Iterator[Chunk]:
    left = MAX_BATCH_BYTES
    for path in files:
        if left <= 0:
            return
        offset = offsets.get(path.name, 0)
        try:
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read(left)
        except FileNotFoundError:
            # Dropped by a writer that had to make room.
            continue
        # A last line without its end was cut by a crash or is just being written.
        data = data[: data.rfind(b"\n") + 1]
        if data:
            left -= len(data)
            yield Chunk(path.name, offset, data)


def _remove_if_done(path: Path, loaded: int) -> None:
    """Remove a file whose writer is gone and whose every whole line is loaded; a torn last line was never answered."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.seek(loaded)
            rest = file.read()
            if b"\n" not in rest:
                path.unlink()
    except OSError:
        return


def bytes_waiting(directory: Path) -> int:
    """Bytes on this host's disk that are not loaded yet."""
    files = list(directory.glob(f"*{SUFFIX}"))
    offsets = dict(SpoolFile.objects.filter(pk__in=[file.name for file in files]).values_list("name", "offset"))
    total = 0
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            total += max(0, file.stat().st_size - offsets.get(file.name, 0))
    return total
