"""The database backend named in settings (`core.db`)."""

import threading
import time
from typing import Any

from django.db import DatabaseError, OperationalError
from django.db.backends.postgresql import base
from psycopg import OperationalError as DriverError
from psycopg_pool import PoolTimeout

RETRY_AFTER_SECONDS = 1.0
# Longer than an attempt can take.
ATTEMPT_SECONDS = 4.0
_lock = threading.Lock()
_away_until = 0.0


class DatabaseWrapper(base.DatabaseWrapper):
    """Lets one thread of the process at a time wait for a connection while PostgreSQL is away.

    Without it every thread would sit out the pool's timeout and starve requests that need no database.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection, or OperationalError at once when another thread found the server away a moment ago."""
        global _away_until
        with _lock:
            now = time.monotonic()
            if now < _away_until:
                raise OperationalError("PostgreSQL was away a moment ago")
            # In doubt: this thread finds out, the others are refused meanwhile.
            if _away_until:
                _away_until = now + ATTEMPT_SECONDS
        try:
            connection = super().get_new_connection(conn_params)
        except (PoolTimeout, DriverError) as error:
            with _lock:
                _away_until = time.monotonic() + RETRY_AFTER_SECONDS
            raise OperationalError("PostgreSQL is away") from error
        if _away_until:
            with _lock:
                _away_until = 0.0
        return connection

    def write_ahead(self) -> None:
        """Let what waits for this transaction's end write its rows: every hook of `on_commit` that has a `write_ahead`.

        Done before the commit, and before a savepoint begins or is released, so that what a savepoint takes back is its own.
        """
        for entry in tuple(self.run_on_commit):
            if (write := getattr(entry[1], "write_ahead", None)) is not None:
                write()

    def commit(self) -> None:
        """Commit, with what was to be written last. If that cannot be written, nothing is committed."""
        try:
            self.write_ahead()
        except DatabaseError:
            # `atomic` rolls back for these, and only for these.
            raise
        except BaseException:
            self.rollback()
            raise
        super().commit()

    def savepoint(self) -> Any:
        """Begin a savepoint; what was published before it belongs to what is around it."""
        self.write_ahead()
        return super().savepoint()

    def savepoint_commit(self, sid: Any) -> None:
        """Release a savepoint with what was to be written in it."""
        self.write_ahead()
        super().savepoint_commit(sid)

    def _close(self) -> None:
        """Give the connection back; after a lost one the pool looks at its others, which a restart has taken too."""
        global _away_until
        lost = self.connection is not None and self.connection.broken
        super()._close()  # type: ignore[misc]
        if lost and self.pool:
            with _lock:
                _away_until = _away_until or time.monotonic()
            self.pool.check()
