"""What a driver raises, as one of our errors.

A server that is away, refuses connections, has become read-only or has a full disk is a
`StorageError`: nothing was stored as far as we know, ask again. What is none of these (a unique
key, a syntax error) goes through as it is: it is for the caller, or a bug.

Where a COMMIT's connection is lost, whether it took place is not known. That is told as a
`DatabaseUnreachableError` too: never as success, and no caller may take it for "not stored".
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc as sa_exc

from event_system.kernel.errors import (
    DatabaseBusyError,
    DatabaseConflictError,
    DatabaseRefusedError,
    DatabaseUnreachableError,
    EventSystemError,
    StorageError,
)

# SQLSTATE, or its class of two characters: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES: dict[str, type[EventSystemError]] = {
    "08": DatabaseUnreachableError,
    "0A000": StorageError,
    "25006": DatabaseUnreachableError,
    "25P03": DatabaseBusyError,
    "25P04": DatabaseBusyError,
    "28": DatabaseRefusedError,
    "3D000": DatabaseRefusedError,
    "40001": DatabaseConflictError,
    "40P01": DatabaseConflictError,
    "40003": DatabaseUnreachableError,
    "42501": DatabaseRefusedError,
    "53300": DatabaseBusyError,
    "53": StorageError,
    "55P03": DatabaseBusyError,
    "57014": DatabaseBusyError,
    "57": DatabaseUnreachableError,
    "58": StorageError,
    "XX": StorageError,
}

# https://mariadb.com/kb/en/mariadb-error-codes/, https://dev.mysql.com/doc/mysql-errors/8.0/en/
_MYSQL: dict[int, type[EventSystemError]] = {
    **dict.fromkeys(
        (1044, 1045, 1049, 1130, 1142, 1143, 1227, 1698, 3118, 4151), DatabaseRefusedError
    ),
    **dict.fromkeys((1203, 1040, 1205, 1226, 1317, 1969, 3024, 1637), DatabaseBusyError),
    **dict.fromkeys((1213, 1020, 1412), DatabaseConflictError),
    **dict.fromkeys(
        (
            1053,
            1077,
            1152,
            1158,
            1159,
            1160,
            1161,
            1129,
            1184,
            1290,
            1792,
            1836,
            1927,
            2002,
            2003,
            2006,
            2013,
            2014,
            2055,
            3032,
            4031,
        ),
        DatabaseUnreachableError,
    ),
    **dict.fromkeys((3, 28, 1021, 1026, 1030, 1037, 1041, 1114, 1153, 1197, 1206), StorageError),
}
"""1030 and 28 are InnoDB's and the system's words for a full or broken disk."""

_LOST = re.compile(
    r"connection (?:was |is |has been )?(?:closed|lost|reset|refused|terminated)|not connected"
    r"|network operation failed|gone away|read of closed|server closed",
    re.IGNORECASE,
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what means "the server cannot" into one of our errors; let the rest through.

    A task that is cancelled meanwhile ends as cancelled, whatever a driver makes of it: a rollback
    that fails takes the place of the cancellation, and `asyncio.wait_for` of Python 3.11, which
    asyncmy reads with, loses one that comes together with the answer.
    """
    before = _cancellations()
    try:
        yield
    except EventSystemError:
        raise
    except Exception as error:
        if _cancellations() > before:
            raise asyncio.CancelledError from error
        if (own := as_own(error)) is not None:
            raise own from error
        raise
    if _cancellations() > before:
        raise asyncio.CancelledError


def _cancellations() -> int:
    """How often the current task was asked to end; 0 in a thread."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return 0
    return 0 if task is None else task.cancelling()


def as_own(error: BaseException) -> EventSystemError | None:
    """Our error for what a driver or SQLAlchemy raised; None where there is none."""
    if isinstance(error, sa_exc.TimeoutError):
        return DatabaseBusyError("No connection came free in time")
    cause = _driver_error(error)
    kind = _kind(cause)
    if kind is None and isinstance(error, sa_exc.DBAPIError) and error.connection_invalidated:
        kind = DatabaseUnreachableError
    return None if kind is None else kind(_told(cause))


def _driver_error(error: BaseException) -> BaseException:
    """The driver's own exception inside SQLAlchemy's wrappers."""
    while True:
        inner = getattr(error, "orig", None) or getattr(error, "driver_exception", None)
        if not isinstance(inner, BaseException) or inner is error:
            break
        error = inner
    if _number(error) is None and _sqlstate(error) is None and error.__cause__ is not None:
        return _driver_error(error.__cause__)
    return error


def _kind(error: BaseException) -> type[EventSystemError] | None:
    if (state := _sqlstate(error)) is not None:
        return _POSTGRES.get(state) or _POSTGRES.get(state[:2])
    if (number := _number(error)) is not None and number in _MYSQL:
        return _MYSQL[number]
    if isinstance(error, OSError | EOFError | TimeoutError):
        return DatabaseUnreachableError
    return DatabaseUnreachableError if _is_of_driver(error) and _LOST.search(str(error)) else None


def _is_of_driver(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in ("asyncpg", "psycopg", "asyncmy", "pymysql")


def _sqlstate(error: BaseException) -> str | None:
    """Asyncpg and psycopg: five characters. asyncmy has such a field too, but numbers say more."""
    state = getattr(error, "sqlstate", None)
    return state if isinstance(state, str) and _number(error) is None else None


def _number(error: BaseException) -> int | None:
    """The number of a MySQL error: asyncmy's and PyMySQL's first argument."""
    first = error.args[0] if error.args else None
    module = type(error).__module__.partition(".")[0]
    return first if isinstance(first, int) and module in ("asyncmy", "pymysql") else None


def _told(error: BaseException) -> str:
    text = str(error.args[-1] if error.args else error) or type(error).__name__
    return text.strip().splitlines()[0][:500] if text.strip() else type(error).__name__
