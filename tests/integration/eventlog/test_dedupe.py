"""Duplicates: exact within the window, across runs, generations and restarts."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from event_system.eventlog.sqlite import dedupe as module
from event_system.eventlog.sqlite.commit import GroupCommit
from event_system.eventlog.sqlite.dedupe import Dedupe
from event_system.eventlog.sqlite.schema import connect_events, connect_index, connect_reader
from event_system.events.event import Row
from tests.support.rows import row

RUN = 8
WINDOW_US = 1_000_000


@pytest.fixture(autouse=True)
def small_generations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RUNS_PER_GENERATION", 4)
    monkeypatch.setattr(module, "RUNS_PER_SAVE", 2)


class Store:
    """A log with its index, appended by hand."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.identity = 1
        self.events = connect_events(directory)
        self.index = connect_index(directory)
        self.head = self.events.execute("SELECT coalesce(max(offset), 0) FROM events").get
        self.indexed = self.index.execute("SELECT coalesce(max(last_offset), 0) FROM runs").get
        self.dedupe = self.open()

    def open(self) -> Dedupe:
        reader = connect_reader(self.directory)
        options = {"identity": self.identity, "run_events": RUN, "window_us": WINDOW_US}
        dedupe = Dedupe(self.events, reader, self.directory, **options)
        dedupe.load(self.head, self.indexed, since_us=0)
        return dedupe

    def append(self, new: Row) -> int:
        """The offset of the row, negative where it is a duplicate."""
        return self.append_all([new])[0]

    def append_all(self, rows: list[Row]) -> list[int]:
        commit = GroupCommit(self.events, self.dedupe, self.head + 1, 0)
        commit.begin()
        offsets = commit.append(rows)
        commit.end()
        self.head = commit.next - 1
        return list(offsets)

    def build_runs(self, now_us: int = 0) -> None:
        while self.head - self.indexed >= RUN:
            first, last = self.indexed + 1, self.indexed + RUN
            self.index.execute("INSERT INTO runs VALUES (NULL, ?, ?)", (first, last))
            run = self.index.last_insert_rowid()
            keys = self.events.execute(
                "SELECT id_key, offset FROM events WHERE offset BETWEEN ? AND ?", (first, last)
            )
            for key, offset in keys.fetchall():
                self.index.execute("INSERT INTO ids VALUES (?, ?, ?)", (run, key, offset))
            self.indexed = last
            self.dedupe.seal(first, last)
        self.dedupe.settle(now_us)


def test_an_event_is_found_wherever_it_has_moved_to(tmp_path: Path) -> None:
    store = Store(tmp_path)
    chosen = random.Random(7)
    model: dict[tuple[str, str], int] = {}
    for step in range(600):
        id_, source = f"e{chosen.randrange(300)}", chosen.choice(["game", "web"])
        offset = store.append(row(id_, source=source))
        known = model.setdefault((source, id_), offset)
        assert offset in (known, -known)
        assert (offset < 0) == (offset != known)
        if step % 50 == 49:
            store.build_runs()
        if step % 180 == 179:
            store.dedupe = store.open()  # a restart


def test_a_batch_is_treated_as_its_events_one_by_one_would_be(tmp_path: Path) -> None:
    store = Store(tmp_path)
    chosen = random.Random(11)
    model: dict[str, int] = {}
    fresh = iter(range(10_000))
    for step in range(120):
        repeated = chosen.random() < 0.5
        ids = [f"e{chosen.randrange(200) if repeated else 1000 + next(fresh)}" for _ in range(9)]
        offsets = store.append_all([row(id_) for id_ in ids])
        for id_, offset in zip(ids, offsets, strict=True):
            assert offset == -model[id_] if id_ in model else offset > 0
            model.setdefault(id_, offset)
        if step % 7 == 6:
            store.build_runs()
        if step % 50 == 49:
            store.dedupe = store.open()
    assert sorted(model.values()) == list(range(1, store.head + 1))


def test_an_id_may_come_again_after_the_window(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.append(row("a", received_us=0)) == 1
    assert store.append(row("a", received_us=WINDOW_US - 1)) == -1
    assert store.append(row("a", received_us=WINDOW_US + 1)) == 2
    assert store.append(row("a", received_us=WINDOW_US + 2)) == -2


def test_filters_of_generations_before_the_window_are_dropped(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(RUN * 12):
        store.append(row(f"e{number}", received_us=number))
    store.build_runs(now_us=0)
    assert len(list(tmp_path.glob("ids-*.bloom"))) == 3
    for number in range(RUN * 4):
        store.append(row(f"late{number}", received_us=10 * WINDOW_US))
    store.build_runs(now_us=10 * WINDOW_US)
    assert len(list(tmp_path.glob("ids-*.bloom"))) == 1


def _cut(path: Path) -> None:
    path.write_bytes(b"damaged")


def _forget_half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))


@pytest.mark.parametrize(("harm", "identity"), [(_cut, 1), (_forget_half, 1), (Path.touch, 2)])
def test_a_filter_file_that_is_damaged_or_of_another_log_is_made_again(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    harm: Callable[[Path], None],
    identity: int,
) -> None:
    store = Store(tmp_path)
    for number in range(RUN * 6):
        store.append(row(f"e{number}"))
    store.build_runs()
    for path in tmp_path.glob("ids-*.bloom"):
        harm(path)
    store.identity = identity
    store.dedupe = store.open()
    assert "is of no use" in caplog.text
    assert [store.append(row(f"e{number}")) for number in range(RUN * 6)] == [
        -offset for offset in range(1, RUN * 6 + 1)
    ]


def test_a_filter_of_a_newer_log_is_not_taken_for_the_one_that_was_brought_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path)
    for number in range(RUN * 2):
        store.append(row(f"e{number}"))
    store.build_runs()
    (saved,) = tmp_path.glob("ids-*.bloom")
    store.events.execute("DELETE FROM events WHERE offset > ?", (RUN,))
    store.head = RUN
    store.open()
    assert "reaches beyond the log" in caplog.text
    assert not saved.exists()


def test_a_failed_transaction_leaves_no_trace(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pending = row("a")
    store.dedupe.recent[pending[0] ^ pending[3]] = 1
    assert store.dedupe.find(row("a"), [pending], 2) == 1
    store.dedupe.forget([pending])
    assert store.append(row("a")) == 1


def test_ids_whose_keys_collide_are_told_apart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = row("a")
    assert store.append(first) == 1
    twin = (*first[:7], "b", *first[8:])  # another id with the same key
    assert store.append(twin) == 2


def test_the_log_database_is_durable_at_every_commit(tmp_path: Path) -> None:
    events: apsw.Connection = connect_events(tmp_path)
    assert events.execute("PRAGMA synchronous").get == 2
    assert events.execute("PRAGMA journal_mode").get == "wal"


def test_duplicates_are_found_while_the_index_is_built_anew(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(RUN * 10):
        store.append(row(f"e{number}"))
    store.build_runs()
    store.index.execute("DELETE FROM ids; DELETE FROM runs")
    store.indexed = 0
    store.dedupe = store.open()
    assert len(store.dedupe.recent) < RUN
    sent = [store.append(row(f"e{number}")) for number in range(RUN * 10)]
    assert sent == [-offset for offset in range(1, RUN * 10 + 1)]
    store.build_runs()
    assert store.append(row("e3")) == -4
    assert store.append(row("new")) == RUN * 10 + 1
