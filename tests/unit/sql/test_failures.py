"""What drivers raise, as errors of ours: by the number or state that the server gives."""

from __future__ import annotations

import asyncmy.errors
import asyncpg
import psycopg
import pymysql
import pytest
import sqlalchemy.exc as sa_exc

from event_system.kernel.errors import (
    DatabaseBusyError,
    DatabaseConflictError,
    DatabaseRefusedError,
    DatabaseUnreachableError,
    EventSystemError,
    StorageError,
)
from event_system.sql.failures import as_own, translated

STATES = {
    state: kind
    for kind in vars(asyncpg.exceptions).values()
    if isinstance(kind, type) and (state := getattr(kind, "sqlstate", None))
}
TRANSIENT = {state for state in STATES if state[:2] in ("08", "53", "57", "58")}


@pytest.mark.parametrize("state", sorted(TRANSIENT))
def test_a_server_of_postgresql_that_cannot_is_a_storage_error(state: str) -> None:
    assert isinstance(as_own(STATES[state]("words")), StorageError)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncpg.DeadlockDetectedError("x"), DatabaseConflictError),
        (asyncpg.SerializationError("x"), DatabaseConflictError),
        (asyncpg.InvalidPasswordError("x"), DatabaseRefusedError),
        (asyncpg.InvalidCatalogNameError("x"), DatabaseRefusedError),
        (asyncpg.TooManyConnectionsError("x"), DatabaseBusyError),
        (asyncpg.QueryCanceledError("x"), DatabaseBusyError),
        (asyncpg.ReadOnlySQLTransactionError("x"), DatabaseUnreachableError),
        (asyncpg.InterfaceError("connection is closed"), DatabaseUnreachableError),
        (psycopg.errors.AdminShutdown("x"), DatabaseUnreachableError),
        (psycopg.errors.DiskFull("x"), StorageError),
        (psycopg.OperationalError("server closed the connection"), DatabaseUnreachableError),
        (asyncmy.errors.OperationalError(2013, "Lost connection"), DatabaseUnreachableError),
        (asyncmy.errors.OperationalError(1213, "Deadlock found"), DatabaseConflictError),
        (asyncmy.errors.OperationalError(1205, "Lock wait timeout"), DatabaseBusyError),
        (asyncmy.errors.InterfaceError(0, "Not connected"), DatabaseUnreachableError),
        (pymysql.OperationalError(1045, "Access denied"), DatabaseRefusedError),
        (pymysql.OperationalError(1021, "Disk full"), StorageError),
        (pymysql.OperationalError(1290, "read only"), DatabaseUnreachableError),
        (ConnectionRefusedError(111, "refused"), DatabaseUnreachableError),
        (TimeoutError(), DatabaseUnreachableError),
        (sa_exc.TimeoutError("QueuePool limit"), DatabaseBusyError),
    ],
    ids=repr,
)
def test_each_has_its_kind(error: Exception, kind: type[EventSystemError]) -> None:
    own = as_own(error)

    assert type(own) is kind
    assert own.detail


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UniqueViolationError("x"),
        asyncpg.PostgresSyntaxError("x"),
        asyncmy.errors.IntegrityError(1062, "Duplicate entry"),
        pymysql.ProgrammingError(1064, "You have an error in your SQL syntax"),
        ValueError("not a driver's: connection is closed"),
    ],
    ids=repr,
)
def test_what_is_the_callers_goes_through(error: Exception) -> None:
    assert as_own(error) is None
    with pytest.raises(type(error)) as raised, translated():
        raise error
    assert raised.value is error


def test_what_sqlalchemy_wraps_is_looked_into() -> None:
    wrapped = sa_exc.OperationalError(
        "SELECT secret", {}, asyncmy.errors.OperationalError(2006, "MySQL server has gone away")
    )

    own = as_own(wrapped)

    assert isinstance(own, DatabaseUnreachableError)
    assert own.detail == "MySQL server has gone away"
