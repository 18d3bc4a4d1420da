"""The database backend named in settings (`core.db`)."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, DatabaseError, OperationalError, connections
from django.db.backends.postgresql import base
from psycopg import OperationalError as DriverError
from psycopg.pq import TransactionStatus
from psycopg_pool import PoolTimeout

RETRY_AFTER_SECONDS = 1.0
# Longer than an attempt can take.
ATTEMPT_SECONDS = 4.0
_lock = threading.Lock()
_away_until = 0.0
# A text with `%s` for each of its values.
Statement = tuple[str, Sequence[Any]]


class Ahead(ABC):
    """A hook of `on_commit` that writes in the transaction, as late as that goes."""

    @abstractmethod
    def statement(self) -> Statement | None:
        """The one statement that writes what waits, and its values; None when nothing does."""

    @abstractmethod
    def written(self, rows: list[tuple[Any, ...]]) -> None:
        """What the statement returned. May not fail: the transaction may have been committed by then."""

    @abstractmethod
    def __call__(self) -> None:
        """It was committed."""


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

    def write_ahead(self, ending: str = "") -> bool:
        """Write what the hooks of `on_commit` that are `Ahead` kept for this transaction's end, in one exchange with `ending`.

        False when nothing waited, and nothing was sent.
        Done with the commit, and before a savepoint begins or is released, so that what a savepoint takes back is its own.
        """
        hooks = [entry[1] for entry in self.run_on_commit if isinstance(entry[1], Ahead)]
        waiting = {hook: found for hook in hooks if (found := hook.statement()) is not None}
        if not waiting:
            return False
        last: list[Statement] = [(ending, [])] if ending else []
        if last and self.connection.info.transaction_status == TransactionStatus.IDLE:
            # Nothing else was asked in this transaction: statements that are sent together are one by themselves.
            self.connection.autocommit, last = True, []
        for hook, rows in zip(waiting, self.exchange([*waiting.values(), *last]), strict=False):
            hook.written(rows)
        return True

    def exchange(self, statements: Sequence[Statement]) -> list[list[tuple[Any, ...]]]:
        """Send statements together, each with a snapshot of its own; the rows of each."""
        found: list[list[tuple[Any, ...]]] = []
        with self.cursor() as cursor:
            cursor.execute("; ".join(text for text, _ in statements), [value for _, values in statements for value in values])
            for _ in statements:
                found.append(cursor.fetchall() if cursor.description else [])
                cursor.nextset()
        return found

    def _commit(self) -> None:
        """Commit, together with what was to be written last: its locks are held for no exchange of their own."""
        try:
            if not self.write_ahead("COMMIT"):
                super()._commit()  # type: ignore[misc]
        except DatabaseError:
            # `atomic` rolls back for these, and only for these.
            raise
        except BaseException:
            self.rollback()
            raise

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


def write_ahead() -> None:
    """Write now what waits for the end of the running transaction."""
    _default().write_ahead()


def exchange(statements: Sequence[Statement]) -> list[list[tuple[Any, ...]]]:
    """Send statements together; the rows of each. In a transaction each sees what was committed before it began."""
    return _default().exchange(statements)


def _default() -> DatabaseWrapper:
    return cast(DatabaseWrapper, connections[DEFAULT_DB_ALIAS])
