"""Throw-away PostgreSQL and Valkey in a temporary directory.

Owns their whole life: free ports, the environment that points a program at them, stopping, and deleting
everything. A killed owner takes the servers with it, and the next one deletes the directory it left. The
data directory of `make run` is never touched.
"""

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from config.local.engines import external_url, find_postgres, find_valkey
from config.local.files import FileLock, entry_dir, private_dir
from config.local.launch import Launched, Server, launch
from config.local.postgres import Postgres
from config.local.process import stop
from config.local.valkey import Valkey

_PREFIX = "atelier-scratch-"
_OWNER = "owner.lock"
# A directory without a lock file is one being made, unless it is old.
_UNLOCKED_AGE_SECONDS = 3600.0


class ScratchServices:
    """A context manager: inside it both engines answer at `database_url` and `redis_url`.

    An address already in the environment (DATABASE_URL, REDIS_URL) is used instead of starting that engine,
    unless `private` asks for servers of one's own.
    """

    def __init__(self, *, durable: bool = False, private: bool = False) -> None:
        self.durable = durable
        self.root = Path()
        self.database_url = "" if private else external_url("DATABASE_URL") or ""
        self.redis_url = "" if private else external_url("REDIS_URL") or ""
        self._launched: list[Launched] = []
        self._lock: FileLock | None = None

    def start(self) -> Self:
        """Make the directory and start the engines that no address was given for."""
        sweep()
        self.root = entry_dir(Path(tempfile.mkdtemp(prefix=_PREFIX)))
        self._lock = FileLock(self.root / _OWNER)
        self._lock.acquire()
        try:
            self._launch()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the engines and delete the directory; a second call does nothing."""
        stop(self._launched)
        self._launched = []
        if self._lock is not None:
            shutil.rmtree(self.root, ignore_errors=True)
            self._lock.release()
            self._lock = None

    def environment(self) -> dict[str, str]:
        """Return the variables that point the product at these services and away from `.data`."""
        return {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "DATA_DIR": str(private_dir(self.root / "data")),
            "SPOOL_DIR": str(private_dir(self.root / "spool")),
        }

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _launch(self) -> None:
        servers: list[Server] = []
        if not self.redis_url:
            servers.append(Valkey(find_valkey(), self.root / "valkey", self.root / "valkey.log", durable=self.durable))
        if not self.database_url:
            servers.append(Postgres(find_postgres(), self.root / "postgres", self.root / "postgres.log", durable=self.durable))
        self._launched = launch(servers)
        for server in servers:
            if isinstance(server, Valkey):
                self.redis_url = server.url
            else:
                self.database_url = server.url


def sweep() -> None:
    """Delete the directories that killed owners left behind."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if left.lstat().st_uid == os.geteuid() and left.is_dir() and not left.is_symlink() and _abandoned(left):
                shutil.rmtree(left, ignore_errors=True)


def _abandoned(left: Path) -> bool:
    lock = left / _OWNER
    if lock.exists():
        return FileLock(lock).holder() is None
    return time.time() - left.stat().st_mtime > _UNLOCKED_AGE_SECONDS
