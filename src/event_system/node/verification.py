"""A verification of what a node stores: in a data directory, or on a database server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from event_system.consistency.ports import LogStore, Moved, StateStore
from event_system.consistency.report import Report
from event_system.consistency.verify import Span, Verification
from event_system.database.sqlite.verification import SqliteStateStore
from event_system.eventlog.sqlite.log import lock_directory
from event_system.eventlog.sqlite.schema import EVENTS_FILE
from event_system.eventlog.sqlite.verification import SqliteLogStore
from event_system.kernel.clock import Clock
from event_system.kernel.errors import DataDirectoryError, MigrationError
from event_system.sql.dsn import Dsn
from event_system.sql.extras import demand

LOOKS = 40
"""How often the tables are looked at that follow a stream: for ten seconds."""


def verify_directory(
    directory: Path, span: Span, *, repairing: bool, clock: Clock, moved: Moved
) -> Report:
    """Verify a data directory whose node is stopped.

    Raises `DataDirectoryError`, with the owner's process id where a node is running, and
    `DamagedFileError`.
    """
    with _directory(directory, clock) as (log, state):
        return _verified(str(directory), log, state, span, repairing, clock, moved)


def verify_server(
    dsn: Dsn, span: Span, *, repairing: bool, clock: Clock, moved: Moved, streamed: bool = False
) -> Report:
    """Verify the tables on a server; nodes may be at work.

    Those of a log with a stream in front are waited for where listeners are ahead of them.

    Raises `MigrationError` where the tables are not up to date, `NewerDatabaseError`,
    `MissingDriverError`, `DatabaseRefusedError` and `StorageError`.
    """
    demand(dsn.dialect)
    with _server(dsn, clock, LOOKS if streamed else 1) as (log, state):
        return _verified(str(dsn), log, state, span, repairing, clock, moved)


@contextmanager
def _directory(directory: Path, clock: Clock) -> Iterator[tuple[LogStore, StateStore]]:
    if not (directory / EVENTS_FILE).exists():
        raise DataDirectoryError(f"{directory} holds no {EVENTS_FILE}", where=str(directory))
    with (
        lock_directory(directory),
        closing(SqliteLogStore(directory)) as log,
        closing(SqliteStateStore(directory, log.identity, clock.now_us)) as state,
    ):
        yield log, state


@contextmanager
def _server(dsn: Dsn, clock: Clock, looks: int) -> Iterator[tuple[LogStore, StateStore]]:
    from event_system.database.sql.verification import SqlStateStore
    from event_system.eventlog.sql.verification import SqlLogStore
    from event_system.sql.migrate import connected, status

    if pending := status(dsn).pending:
        steps = ", ".join(step.revision for step in pending)
        raise MigrationError(f"the tables are not up to date ({steps}): `event-system db migrate`")
    with connected(dsn) as reading, connected(dsn) as writing, connected(dsn) as snapshot:
        reading.execution_options(isolation_level="AUTOCOMMIT")
        writing.execution_options(isolation_level="READ COMMITTED")
        snapshot.execution_options(isolation_level="REPEATABLE READ")
        yield (
            SqlLogStore(reading, writing, looks=looks),
            SqlStateStore(snapshot, reading, writing, clock.now_us),
        )


def _verified(
    name: str,
    log: LogStore,
    state: StateStore,
    span: Span,
    repairing: bool,
    clock: Clock,
    moved: Moved,
) -> Report:
    began = clock.monotonic()
    look = Verification(log, state, repairing=repairing, now_us=clock.now_us, moved=moved)
    look.run(span)
    return Report(
        store=name,
        events=look.events,
        first=look.first,
        last=look.last,
        seconds=clock.monotonic() - began,
        repairing=repairing,
        findings=look.tally.entries(notices=False),
        notices=look.tally.entries(notices=True),
    )
