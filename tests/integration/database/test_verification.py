"""Files of the state that cannot be looked at, or should not be, are findings of their own."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from event_system.database.sqlite.batches import file_name
from event_system.kernel.errors import DamagedFileError
from tests.support.kept import Kept, codes, filled
from tests.support.sql import SharedDatabases

BOARD = f"listeners/{file_name('board')}"


@pytest.fixture
async def kept(tmp_path: Path, databases: SharedDatabases) -> AsyncIterator[Kept]:
    async with filled("embedded", tmp_path, databases) as kept:
        yield kept


@pytest.mark.parametrize("name", ["state.db", BOARD])
def test_a_damaged_file_is_named_and_the_others_are_looked_at(kept: Kept, name: str) -> None:
    (kept.directory / name).write_bytes(b"no database at all" * 1000)
    kept.run(("events.db", "UPDATE events SET lane = 77 WHERE offset = 18"))

    report = kept.verify(repairing=True)

    assert codes(report) == {"file.damaged", "log.lane"}
    assert name in report.findings[0].examples[0]
    assert not report.is_clean


@pytest.mark.parametrize("name", ["state.db", BOARD])
def test_a_file_of_another_log_is_named_and_not_looked_into(kept: Kept, name: str) -> None:
    kept.run((name, "PRAGMA application_id = 99"))
    with closing(apsw.Connection(str(kept.directory / name))) as file:
        table = "cursors" if name == "state.db" else "event_system_cursor"
        file.execute(f"UPDATE {table} SET offset = 1000")

    assert codes(kept.verify()) == {"file.foreign"}


def test_a_file_of_no_known_listener_is_a_notice(kept: Kept) -> None:
    shutil.copy(kept.directory / BOARD, kept.directory / "listeners" / "other.db")

    report = kept.verify()

    assert report.is_clean
    assert [entry.code for entry in report.notices] == ["file.stray"]


@pytest.mark.parametrize("name", ["state.db", BOARD, "catalogue.db", "index.db"])
def test_what_is_missing_is_no_finding(kept: Kept, name: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        (kept.directory / f"{name}{suffix}").unlink(missing_ok=True)

    assert kept.verify().findings == []


def test_a_damaged_catalogue_is_named(kept: Kept) -> None:
    (kept.directory / "catalogue.db").write_bytes(b"no database at all" * 1000)

    assert codes(kept.verify()) == {"catalogue.unreadable"}


def test_a_log_that_cannot_be_read_ends_the_look(kept: Kept) -> None:
    kept.run(("events.db", "DELETE FROM facts"))
    with pytest.raises(DamagedFileError):
        kept.verify()
    (kept.directory / "events.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(DamagedFileError):
        kept.verify()
