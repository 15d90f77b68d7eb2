"""The embedded index and the id filters, held against the log and made again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_system.consistency.report import Tally
from event_system.consistency.verify import Span, Verification
from event_system.database.sqlite.verification import SqliteStateStore
from event_system.eventlog.sqlite.filters import FilterFiles, new_filter
from event_system.eventlog.sqlite.index import DAMAGED_FILE
from event_system.eventlog.sqlite.schema import INDEX_FILE
from event_system.eventlog.sqlite.verification import SqliteLogStore
from event_system.events.event import Row
from tests.support.rows import LANES, row
from tests.support.stored_log import StoredLog

RUN, EVENTS, IDENTITY = 8, 60, 4711
INDEXED = EVENTS // RUN * RUN


@pytest.fixture
def log(tmp_path: Path) -> Iterator[StoredLog]:
    with closing(fill(tmp_path)) as log:
        yield log


def fill(directory: Path) -> StoredLog:
    log = StoredLog(directory, RUN)
    log.append(
        row(f"e{n}", type_=f"a.t{n % 3}", subject=f"s{n % 7}" if n % 5 else None)
        for n in range(1, EVENTS + 1)
    )
    facts = apsw.Connection(str(directory / "events.db"))
    facts.executemany("INSERT INTO facts VALUES (?, ?)", [("lanes", LANES), ("identity", IDENTITY)])
    facts.close()
    log.build_index()
    return log


def verify(directory: Path, *, repairing: bool = False, span: Span = Span()) -> Tally:  # noqa: B008
    with (
        closing(SqliteLogStore(directory, run_events=RUN)) as log,
        closing(SqliteStateStore(directory, log.identity, lambda: 0)) as state,
    ):
        look = Verification(
            log, state, repairing=repairing, now_us=lambda: 0, moved=lambda *way: None
        )
        look.run(span)
        return look.tally


def codes(tally: Tally) -> set[str]:
    return {entry.code for entry in tally.entries(notices=False)}


def change(directory: Path, sql: str) -> None:
    with closing(apsw.Connection(str(directory / INDEX_FILE))) as index:
        index.execute(sql)


def test_an_index_that_the_node_has_built_agrees(log: StoredLog) -> None:
    assert codes(verify(log.directory)) == set()


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("DELETE FROM ids WHERE offset = 13", "index.missing"),
        ("UPDATE ids SET key = key + 1 WHERE offset = 13", None),
        ("INSERT INTO ids VALUES (2, 99, 20)", "index.foreign"),
        ("DELETE FROM postings WHERE run = 3", "index.missing"),
        ("UPDATE postings SET offsets = x'01' WHERE run = 3", "index.missing"),
        ("INSERT INTO postings VALUES (2, 99, x'0102')", "index.foreign"),
        ("DELETE FROM type_runs WHERE run = 1", "index.missing"),
        ("DELETE FROM types", "index.missing"),
        ("DELETE FROM runs WHERE run = 2", "index.runs"),
        ("UPDATE runs SET last_offset = 999 WHERE run = 6", "index.runs"),
        ("DROP TABLE postings", "index.damaged"),
        ("PRAGMA user_version = 1", "index.damaged"),
    ],
)
def test_a_changed_index_is_found_and_built_again(
    log: StoredLog, sql: str, code: str | None
) -> None:
    change(log.directory, sql)

    expected = {"index.missing", "index.foreign"} if code is None else {code}
    assert codes(verify(log.directory)) >= expected
    assert codes(verify(log.directory, repairing=True)) >= expected
    assert codes(verify(log.directory)) == set()
    with closing(apsw.Connection(str(log.directory / INDEX_FILE))) as index:
        assert index.execute("SELECT max(last_offset) FROM runs").get == INDEXED


@pytest.mark.parametrize("content", [b"", b"no database at all" * 1000])
def test_an_index_that_is_no_database_is_built_again(log: StoredLog, content: bytes) -> None:
    (log.directory / INDEX_FILE).write_bytes(content)
    for suffix in ("-wal", "-shm"):
        (log.directory / f"{INDEX_FILE}{suffix}").unlink(missing_ok=True)

    verify(log.directory, repairing=True)

    assert codes(verify(log.directory)) == set()


def test_damage_that_a_search_has_noted_is_mended(log: StoredLog) -> None:
    (log.directory / DAMAGED_FILE).touch()

    assert codes(verify(log.directory, repairing=True)) == {"index.damaged"}
    assert codes(verify(log.directory)) == set()


def test_what_retention_has_deleted_may_stand_in_the_index(log: StoredLog) -> None:
    with closing(apsw.Connection(str(log.directory / "events.db"))) as events:
        events.execute("DELETE FROM events WHERE offset <= 20 AND offset <> 4")
        events.execute("INSERT INTO facts VALUES ('floor', 20)")

    assert codes(verify(log.directory)) == set()


def test_an_event_below_the_floor_that_is_kept_has_to_be_found(log: StoredLog) -> None:
    with closing(apsw.Connection(str(log.directory / "events.db"))) as events:
        events.execute("DELETE FROM events WHERE offset <= 20 AND offset <> 4")
        events.execute("INSERT INTO facts VALUES ('floor', 20)")
    change(log.directory, "DELETE FROM ids WHERE offset = 4")

    assert codes(verify(log.directory)) == {"index.missing"}


def test_only_runs_within_a_bounded_walk_are_looked_at(log: StoredLog) -> None:
    change(log.directory, "DELETE FROM ids WHERE offset = 13")

    assert codes(verify(log.directory, span=Span(first=17))) == set()
    assert codes(verify(log.directory, span=Span(first=9))) == {"index.missing"}


def test_a_text_that_is_no_text_is_one_finding(log: StoredLog) -> None:
    with closing(apsw.Connection(str(log.directory / "events.db"))) as events:
        events.execute("UPDATE events SET source = CAST(x'ff41' AS TEXT) WHERE offset = 30")
        events.execute("UPDATE events SET id = x'41' WHERE offset = 31")

    assert codes(verify(log.directory)) == {"log.content"}


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_whatever_is_lost_of_the_index_is_found(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("log")
    log = fill(directory)
    table = data.draw(st.sampled_from(["ids", "postings", "types", "type_runs"]))
    with closing(apsw.Connection(str(directory / INDEX_FILE))) as index:
        rows = index.execute(f"SELECT * FROM {table}").fetchall()
        columns = [name for name, _ in index.execute(f"SELECT * FROM {table}").get_description()]
        gone = data.draw(st.sampled_from(rows))
        where = " AND ".join(f"{name} IS ?" for name in columns)
        index.execute(f"DELETE FROM {table} WHERE {where}", gone)

    assert codes(verify(directory, repairing=True)) == {"index.missing"}
    assert codes(verify(directory)) == set()
    log.close()


# Filters


def keep_filter(directory: Path, rows: list[Row], runs: int = 7) -> None:
    filter_ = new_filter(RUN * 256)
    filter_.update(each[0] ^ each[3] for each in rows)
    FilterFiles(directory, IDENTITY).save(0, runs, filter_)


def test_a_filter_that_knows_all_of_its_runs_agrees(log: StoredLog) -> None:
    keep_filter(log.directory, log.rows[:INDEXED])

    assert codes(verify(log.directory)) == set()


def test_a_filter_that_does_not_know_an_event_is_removed(log: StoredLog) -> None:
    keep_filter(log.directory, [*log.rows[:20], *log.rows[21:INDEXED]])

    tally = verify(log.directory, repairing=True)

    (entry,) = tally.entries(notices=False)
    assert (entry.code, entry.count, entry.repaired) == ("filter.wrong", 1, 1)
    assert "offset 21" in entry.examples[0]
    assert FilterFiles(log.directory, IDENTITY).all() == []
    assert codes(verify(log.directory)) == set()


def test_a_filter_may_know_the_last_of_several_twins_only(log: StoredLog) -> None:
    log.append([row("e21")])
    keep_filter(log.directory, [*log.rows[:20], *log.rows[21:INDEXED]])
    with closing(apsw.Connection(str(log.directory / "events.db"))) as events:
        first = events.execute("SELECT id_key, source_key FROM events WHERE offset = 21").fetchall()
        last = events.execute("SELECT id_key, source_key FROM events WHERE offset = 61").fetchall()
    assert first == last

    assert codes(verify(log.directory)) == set()


@pytest.mark.parametrize("harm", ["torn", "foreign"])
def test_a_filter_that_is_torn_or_foreign_is_removed(log: StoredLog, harm: str) -> None:
    keep_filter(log.directory, log.rows[:INDEXED])
    (path,) = FilterFiles(log.directory, IDENTITY).all()
    if harm == "torn":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        FilterFiles(log.directory, 1).save(0, 7, new_filter(RUN * 256))

    assert codes(verify(log.directory, repairing=True)) == {"filter.wrong"}
    assert codes(verify(log.directory)) == set()
