"""One SQLite file: opened with a clear answer where it is damaged, checked, measured, compacted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
import msgspec

from event_system.kernel.errors import DamagedFileError, DataDirectoryError, ForeignFileError

DAMAGE = (apsw.CorruptError, apsw.NotADBError)
"""What SQLite raises where a file is torn, overwritten, or no database at all."""

SMALL_BYTES = 32 * 1024 * 1024
"""What is checked at every start; SQLite reads this much in a few hundredths of a second."""

_READ_ONLY = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI


class FileReport(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a data directory.

    `bytes` is its size with its journal, `free_bytes` what compacting would give back; `rows`
    maps its tables to their sizes where those are counted.
    """

    file: str
    role: str
    bytes: int
    free_bytes: int = 0
    rows: dict[str, int] = {}
    faults: list[str] = []
    remedy: str | None = None


@contextmanager
def guarding(path: Path, remedy: str) -> Iterator[None]:
    """Name the file, and what to do, where it is damaged, or without what it has to hold.

    Raises `DamagedFileError`, and `DataDirectoryError` where it cannot be opened at all.
    """
    try:
        yield
    except (*DAMAGE, apsw.SQLError) as error:
        raise DamagedFileError(f"{path}: {error}. {remedy}", where=str(path)) from error
    except apsw.Error as error:
        raise DataDirectoryError(f"{path}: {error}", where=str(path)) from error


def belong(connection: apsw.Connection, path: Path, identity: int) -> None:
    """Mark the file as one of the log of this identity; 0 is none.

    Raises `ForeignFileError` where it is another log's.
    """
    mark = connection.pragma("application_id")
    if mark not in (0, identity):
        raise ForeignFileError(f"{path} belongs to another log", where=str(path))
    if mark != identity:
        connection.execute(f"PRAGMA application_id = {identity}")


def read_only(path: Path) -> apsw.Connection:
    """A connection that changes nothing; the file must exist, its node may be running."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = apsw.Connection(uri, flags=_READ_ONLY)
    connection.set_busy_timeout(5000)
    return connection


def check_small(connection: apsw.Connection) -> None:
    """Verify the database where that takes no time; raises as SQLite does where it is damaged."""
    pages, size = connection.pragma("page_count"), connection.pragma("page_size")
    if pages * size > SMALL_BYTES:
        return
    if (found := connection.execute("PRAGMA quick_check(1)").get) != "ok":
        raise apsw.CorruptError(str(found))


def report(path: Path, role: str, remedy: str, *, check: bool, counted: bool = True) -> FileReport:
    """What can be said of a file; with `check` all of it is read and verified."""
    size = sum(_size(path.with_name(path.name + suffix)) for suffix in ("", "-wal"))
    try:
        with closing(read_only(path)) as connection:
            faults = _faults(connection) if check else []
            free = connection.pragma("freelist_count") * connection.pragma("page_size")
            rows = _rows(connection) if counted and not faults else {}
            if not path.stat().st_size:
                faults = ["it is empty"]
    except apsw.Error as error:
        faults, free, rows = [str(error)], 0, {}
    return FileReport(
        file=path.name,
        role=role,
        bytes=size,
        free_bytes=free,
        rows=rows,
        faults=faults,
        remedy=remedy if faults else None,
    )


def with_faults(found: FileReport, faults: list[str], remedy: str) -> FileReport:
    """The report with faults that SQLite does not know of, if there are any."""
    if not faults:
        return found
    return msgspec.structs.replace(found, faults=faults, remedy=remedy)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _faults(connection: apsw.Connection) -> list[str]:
    """Up to ten faults that SQLite's own check finds."""
    found = [str(text) for (text,) in connection.execute("PRAGMA integrity_check(10)")]
    return [] if found == ["ok"] else found


def _rows(connection: apsw.Connection) -> dict[str, int]:
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    names = [str(name) for (name,) in connection.execute(tables)]
    return {
        name: int(connection.execute(f'SELECT count(*) FROM "{name}"').get)  # noqa: S608 - from the schema
        for name in names
    }


def compact(path: Path) -> int:
    """Rewrite the file without its free pages; the bytes that came free.

    Nobody else may have it open. The old file stays until the new one is whole on the disk.
    Raises `OSError` and `apsw.Error`, and has changed nothing then.
    """
    before = _size(path)
    scratch = path.with_name(f"{path.name}.compact")
    scratch.unlink(missing_ok=True)
    try:
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("VACUUM INTO ?", (str(scratch),))
        _sync(scratch)
        scratch.replace(path)
        _sync(path.parent)
    finally:
        scratch.unlink(missing_ok=True)
    return before - _size(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
