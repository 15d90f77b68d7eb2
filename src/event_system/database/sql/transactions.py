"""A batch listener's transaction, on a synchronous connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from event_system.database.sql.parameters import Statement, Values, translated
from event_system.kernel.errors import DatabaseUnreachableError
from event_system.sql.database import Database
from event_system.sql.drivers import idling_limited
from event_system.sql.failures import translated as as_ours

CANCEL_SECONDS: Final = 0.2
"""How often a statement is cancelled until it ends: it may have been about to begin."""
_ENDING: Final = frozenset(["ABORT", "BEGIN", "COMMIT", "END", "ROLLBACK", "START", "XA"])
_COMMITTING: Final = frozenset(
    [
        "ALTER",
        "ANALYZE",
        "CREATE",
        "DROP",
        "GRANT",
        "LOCK",
        "OPTIMIZE",
        "RENAME",
        "REPAIR",
        "REVOKE",
        "TRUNCATE",
        "UNLOCK",
    ]
)
"""Statements with which MySQL commits what came before them."""


class Session:
    """A connection, used by one thread at a time; `using` is held while a statement runs.

    `lost` says that it ended by itself, `committing` that nobody answered to a COMMIT.
    """

    def __init__(self, database: Database) -> None:
        self.connection = database.connect_sync()
        self.dialect = database.dialect
        self.using = threading.Lock()
        self.lost = False
        self.committing = False
        self._database = database
        self._limited = True
        with as_ours():
            self._driver: Any = self.connection.connection.driver_connection
            self._let_idle()
            self.connection.rollback()

    def _let_idle(self) -> None:
        """A listener may think for as long as its own timeout lets it."""
        if self._limited and self._database.server.is_mariadb:
            self.connection.exec_driver_sql("SET SESSION idle_transaction_timeout = 0")
        self._limited = False

    def limit_idling(self) -> None:
        """It is about to commit, and to hold what others wait for should this node stand still."""
        self._limited = True
        server = self._database.server
        if limited := idling_limited(self.dialect, is_mariadb=server.is_mariadb):
            self.connection.exec_driver_sql(limited)

    def run(self, statement: Statement, given: Any) -> list[Any]:
        """Run a statement that `using` is held for. Raises `StorageError` and what drivers raise."""
        with self.watched():
            self._let_idle()
            result = self.connection.exec_driver_sql(statement.text, given)
            return [tuple(row) for row in result] if result.returns_rows else []

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note where the connection is lost. Raises `StorageError` and what drivers raise."""
        try:
            with as_ours():
                yield
        except DatabaseUnreachableError:
            self.lost = True
            raise

    def silence(self) -> None:
        """Bring a statement that is running to its end, and let none begin: `using` is taken."""
        if self.using.acquire(blocking=False):
            return
        self._cancel()
        while not self.using.acquire(timeout=CANCEL_SECONDS):
            self._cancel()

    def _cancel(self) -> None:
        with suppress(Exception):  # it is asked again until the statement has ended
            if self.dialect == "postgresql":
                self._driver.cancel_safe(timeout=5)
            else:
                with self._database.connect_sync() as other:
                    other.exec_driver_sql(f"KILL QUERY {self._driver.thread_id()}")

    def close(self) -> None:
        """Give the connection back, or what is left of it."""
        if self.lost and not self.connection.closed:
            self.connection.invalidate()
        self.connection.close()


class ServerTransaction:
    """Implements `events.ports.Transaction`. Begins with the first statement.

    Without the fault of the handler it may fail where the connection is lost: see `Session.lost`.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.open = True
        self._began = False

    def execute(self, sql: str, parameters: Values = ()) -> list[Any]:
        statement = translated(sql, self.session.dialect)
        with self.session.using:
            self._check(statement)
            return self.session.run(statement, statement.values(parameters))

    def executemany(self, sql: str, rows: Sequence[Sequence[Any] | Mapping[str, Any]]) -> None:
        statement = translated(sql, self.session.dialect)
        values = [statement.values(row) for row in rows]
        with self.session.using:
            self._check(statement)
            if values:
                self.session.run(statement, values)

    def _check(self, statement: Statement) -> None:
        self.check_open()
        first, second = (*statement.first, "", "")[:2]
        if first in _ENDING and (first, second) != ("ROLLBACK", "TO"):
            raise ValueError(f"{first} is not a listener's: its batch has a transaction already")
        commits = first in _COMMITTING and second != "TEMPORARY"
        if commits and self._began and self.session.dialect == "mysql":
            raise ValueError(
                f"MySQL commits where it runs {first}: only before all else in a batch"
            )
        self._began = self._began or not commits

    def check_open(self) -> None:
        """Raises `RuntimeError` where it has been committed or rolled back."""
        if not self.open:
            raise RuntimeError("this batch's transaction has ended (did the batch time out?)")
