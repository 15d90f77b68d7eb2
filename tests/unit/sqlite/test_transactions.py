"""A transaction is whole or nothing, and tells why it is nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from event_system.sqlite.transactions import transaction

SMALL, LARGE = 10, 10_000


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    """With a table, on a disk that is full after a few pages."""
    connection = apsw.Connection(str(tmp_path / "some.db"))
    connection.pragma("journal_mode", "wal")
    connection.execute("CREATE TABLE things (size INTEGER, content BLOB)")
    connection.pragma("max_page_count", 4)
    yield connection
    connection.close()


def write(connection: apsw.Connection, *sizes: int) -> None:
    for size in sizes:
        connection.execute("INSERT INTO things VALUES (?, ?)", (size, b"x" * size))


def kept(connection: apsw.Connection) -> list[int]:
    return [size for (size,) in connection.execute("SELECT size FROM things")]


def test_all_is_there_at_the_end(connection: apsw.Connection) -> None:
    with transaction(connection):
        write(connection, SMALL, SMALL)

    assert kept(connection) == [SMALL, SMALL]
    assert not connection.in_transaction


def test_what_fails_leaves_nothing(connection: apsw.Connection) -> None:
    with pytest.raises(apsw.SQLError), transaction(connection):
        connection.execute(f"INSERT INTO things VALUES ({SMALL}, ''); SELECT nothing")

    assert kept(connection) == []
    assert not connection.in_transaction


def test_a_full_disk_is_told_as_such(connection: apsw.Connection) -> None:
    with pytest.raises(apsw.FullError, match="disk is full"), transaction(connection):
        write(connection, SMALL, *[LARGE] * 10)

    assert kept(connection) == []
    with transaction(connection):
        write(connection, SMALL)
    assert kept(connection) == [SMALL]
