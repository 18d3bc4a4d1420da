"""The database backend named in settings (`core.db`)."""

import threading
import time
from typing import Any

from django.db import OperationalError
from django.db.backends.postgresql import base
from psycopg import OperationalError as DriverError
from psycopg_pool import PoolTimeout

RETRY_AFTER_SECONDS = 1.0
_lock = threading.Lock()
_away_until = 0.0


class DatabaseWrapper(base.DatabaseWrapper):
    """Waits for a pooled connection at most once a second per process while PostgreSQL is away.

    Without it every thread of the process would sit out the pool's timeout and starve requests that need no database.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection, or OperationalError at once when another thread found the server away a moment ago."""
        global _away_until
        with _lock:
            if time.monotonic() < _away_until:
                raise OperationalError("PostgreSQL was away a moment ago")
        try:
            return super().get_new_connection(conn_params)  # type: ignore[misc]
        except (PoolTimeout, DriverError) as error:
            with _lock:
                _away_until = time.monotonic() + RETRY_AFTER_SECONDS
            raise OperationalError("PostgreSQL is away") from error
