"""Bring a server's tables up to date, one process at a time, by Alembic's steps.

All of it is synchronous: the node runs it in a thread before anything else uses the database.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from event_system.kernel.errors import (
    DatabaseBusyError,
    LeaseHeldError,
    MigrationError,
    NewerDatabaseError,
)
from event_system.sql import drivers
from event_system.sql.dsn import Dialect, Dsn
from event_system.sql.failures import translated
from event_system.sql.tables.cluster import at_work

_log = logging.getLogger(__name__)

VERSION_TABLE = "schema_version"
LOCATION = "event_system.sql:migrations"
LOCK_WAIT_SECONDS = 120
_LOCK_KEY = 0x6576_656E_7473


@dataclass(frozen=True, slots=True)
class Step:
    """One migration: its revision and what it does."""

    revision: str
    title: str


@dataclass(frozen=True, slots=True)
class Status:
    """Where a database stands; `current` is None where it is empty."""

    current: str | None
    newest: str | None
    pending: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """SQL: the tables, and the rows that they begin with."""

    schema: str
    init_data: str


def upgrade(dsn: Dsn, target: str = "head") -> Status:
    """Run the pending steps up to `target`. Another process that does so is waited for.

    Raises `LeaseHeldError` where there are some while a node is at work on the tables as they
    are, `NewerDatabaseError`, `MigrationError`, `StorageError`.
    """
    with _alone(dsn) as connection:
        before = _status(connection)
        if before.pending:
            _refuse_beside_nodes(connection, before)
            _run(connection, command.upgrade, target)
        after = _status(connection)
        if after.current != before.current:
            _log.info("the tables of %s are now of revision %s", dsn, after.current)
        return after


def downgrade(dsn: Dsn, target: str) -> Status:
    """Take steps back down to the revision `target`; `base` is an empty database.

    Raises `LeaseHeldError` while a node is at work, `NewerDatabaseError`, `MigrationError` and
    `StorageError`.
    """
    with _alone(dsn) as connection:
        _refuse_beside_nodes(connection, _status(connection))
        _run(connection, command.downgrade, target)
        return _status(connection)


def _refuse_beside_nodes(connection: sa.Connection, status: Status) -> None:
    if status.current is not None and (names := at_work(connection)):
        raise LeaseHeldError(f"at work on this database: {', '.join(names)}")
    connection.rollback()


def status(dsn: Dsn) -> Status:
    """Where the database stands. Raises `NewerDatabaseError`, `StorageError`."""
    with connected(dsn) as connection:
        return _status(connection)


def export(dialect: Dialect) -> Export:
    """The statements that make an empty database current, for a client of the server."""
    written = _Statements()
    config = _config(output_buffer=written)
    config.attributes["dialect"] = "postgresql" if dialect == "postgresql" else "mysql"
    command.upgrade(config, "head", sql=True)
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    own = [text for text in written.texts if VERSION_TABLE not in text or "CREATE" in text]
    rows = [text for text in own if text.startswith("INSERT")]
    version = f"INSERT INTO {VERSION_TABLE} (version_num) VALUES ('{newest}');"  # noqa: S608 - ours
    return Export(
        schema="\n\n".join(text for text in own if text not in rows) + "\n",
        init_data="\n\n".join([*rows, version]) + "\n",
    )


class _Statements(io.StringIO):
    """What Alembic writes, statement by statement."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def write(self, text: str) -> int:
        if text.strip():
            self.texts.append(text.strip())
        return len(text)


def _config(**options: Any) -> Config:
    config = Config(**options)
    config.set_main_option("script_location", LOCATION)
    config.set_main_option("path_separator", "os")
    config.attributes["version_table"] = VERSION_TABLE
    return config


def _run(connection: sa.Connection, run: Callable[[Config, str], None], target: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    try:
        with translated():
            run(config, target)
    except (CommandError, sa.exc.SQLAlchemyError) as error:
        raise MigrationError(str(getattr(error, "orig", None) or error)) from error


def _status(connection: sa.Connection) -> Status:
    script = ScriptDirectory.from_config(_config())
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    current = context.get_current_revision()
    connection.rollback()
    steps = [Step(step.revision, step.doc) for step in script.walk_revisions()][::-1]
    known = [step.revision for step in steps]
    if current is not None and current not in known:
        raise NewerDatabaseError(
            f"its tables are of revision {current}, this version knows up to "
            f"{known[-1] if known else 'none'}"
        )
    done = known.index(current) + 1 if current is not None else 0
    return Status(current, known[-1] if known else None, tuple(steps[done:]))


@contextmanager
def connected(dsn: Dsn) -> Iterator[sa.Connection]:
    """A command's own connection, without the limits on how long a statement may take."""
    engine = sa.create_engine(
        drivers.sync_url(dsn.dialect),
        connect_args=drivers.sync_arguments(dsn),
        poolclass=sa.NullPool,
    )
    try:
        with translated(), engine.connect() as connection:
            if dsn.dialect == "postgresql":
                connection.execute(sa.text("SET statement_timeout = 0"))
                connection.execute(sa.text(f"SET lock_timeout = '{LOCK_WAIT_SECONDS}s'"))
                connection.commit()
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _alone(dsn: Dsn) -> Iterator[sa.Connection]:
    """A connection that holds the lock of all migrations of this database."""
    with connected(dsn) as connection:
        if dsn.dialect == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_lock(_LOCK_KEY)))
            connection.commit()
            yield connection
            return
        name = "event-system " + blake2b(dsn.database.encode(), digest_size=16).hexdigest()
        if connection.scalar(sa.select(sa.func.get_lock(name, LOCK_WAIT_SECONDS))) != 1:
            raise DatabaseBusyError("Another process has been migrating the database for minutes")
        connection.rollback()
        yield connection
