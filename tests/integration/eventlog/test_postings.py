"""Where the index says to look: at all that is wanted, and at little else."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.eventlog.sqlite.postings import SPARSE, Part, Postings
from event_system.eventlog.sqlite.schema import connect_index, connect_reader
from event_system.eventlog.sqlite.snapshot import Snapshot
from event_system.events.event import Row
from event_system.kernel.lanes import id_key, source_key, subject_key, type_key
from tests.support.rows import row
from tests.support.stored_log import StoredLog

SUBJECTS = ("p1", "p2", "p3", "p4", "none")
SOURCES = ("game", "web", "ops", "none")
TYPES = ("a", "b", "c", "d", "e", "none")


@contextmanager
def snapshot_of(log: StoredLog) -> Iterator[Snapshot]:
    log.build_index()
    connection = connect_reader(log.directory)
    with Snapshot(connection) as view:
        yield view
    connection.close()
    log.close()


def skewed(seed: int, count: int) -> list[Row]:
    """Events of which some keys are everywhere and others are rare."""
    chosen = random.Random(seed)

    def one(names: Sequence[str]) -> str:
        return names[int((len(names) - 1) * chosen.random() ** 4)]

    return [
        row(
            f"e{chosen.randrange(40)}",
            type_=one(TYPES),
            source=one(SOURCES),
            subject=chosen.choice((None, one(SUBJECTS))),
        )
        for _ in range(count)
    ]


def looked_at(part: Part) -> list[int]:
    return list(range(part.first, part.last + 1)) if part.offsets is None else part.offsets


asked = st.tuples(
    st.none() | st.sampled_from(SUBJECTS),
    st.none() | st.sampled_from(SOURCES),
    st.none() | st.lists(st.sampled_from(TYPES), max_size=3, unique=True),
).filter(lambda names: any(name is not None for name in names))


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    runs=st.integers(1, 6),
    run_events=st.sampled_from((1, 7, 8, 16, 64, 200)),
    searches=st.lists(asked, min_size=1, max_size=8),
    bounds=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    newest_first=st.booleans(),
)
def test_all_that_is_wanted_is_looked_at_and_of_rare_keys_nothing_else(
    seed: int,
    runs: int,
    run_events: int,
    searches: list[tuple[str | None, str | None, list[str] | None]],
    bounds: tuple[float, float],
    newest_first: bool,
) -> None:
    rows = skewed(seed, runs * run_events)
    low, high = (1 + int(part * (len(rows) - 1)) for part in sorted(bounds))
    with TemporaryDirectory() as directory:
        log = StoredLog(Path(directory), run_events)
        log.append(rows)
        with snapshot_of(log) as view:
            postings = Postings(view, low, high, newest_first)
            for subject, source, types in searches:
                groups = [[subject_key(subject)]] if subject is not None else []
                groups += [[source_key(source)]] if source is not None else []
                keys = None if types is None else list(map(type_key, types))
                has = [
                    {n for n, r in enumerate(rows, 1) if names is None or r[column] in names}
                    for column, names in (
                        (8, None if subject is None else [subject]),
                        (6, None if source is None else [source]),
                        (5, types),
                    )
                ]
                parts = list(postings.of_all(groups, keys))

                check(parts, has, postings)


def check(parts: Sequence[Part], has: Sequence[set[int]], postings: Postings) -> None:
    """`has` are the offsets of each condition."""
    looked = set[int]().union(*map(looked_at, parts))
    wanted = set.intersection(*has)
    size = postings.view.run_events
    assert parts == sorted(parts, key=lambda part: part.first, reverse=postings.newest_first)
    assert {n for n in wanted if postings.low <= n <= postings.high} <= looked
    assert all(postings.low <= n <= postings.high for n in looked)
    for part in parts:
        run = (part.first - 1) // size
        whole = set(range(run * size + 1, (run + 1) * size + 1))
        sparse = [some for each in has if len(some := each & whole) <= size // SPARSE]
        if part.offsets is not None:
            found = set.intersection(whole, *sparse)
            assert part.offsets == sorted(
                (n for n in found if part.first <= n <= part.last), reverse=postings.newest_first
            )
        assert (part.offsets is None) == (not sparse)


@pytest.mark.parametrize(("often", "scanned"), [(16, False), (17, True)])
def test_a_key_of_more_than_one_event_in_eight_is_tested_on_the_events(
    tmp_path: Path, often: int, scanned: bool
) -> None:
    log = StoredLog(tmp_path, run_events=16 * SPARSE)
    log.append([row(f"e{n}", source="web" if n < often else "game") for n in range(16 * SPARSE)])
    with snapshot_of(log) as view:
        (part,) = Postings(view, 1, view.head, newest_first=True).of_all(
            [[source_key("web")]], None
        )

    offsets = None if scanned else list(range(16, 0, -1))
    assert part == Part(1, 16 * SPARSE, offsets)


def test_of_two_keys_that_seldom_meet_only_where_they_meet_is_looked(tmp_path: Path) -> None:
    log = StoredLog(tmp_path, run_events=200)
    log.append(
        row(f"e{n}", type_="a" if n % 20 == 0 else "b", source="web" if n % 19 == 0 else "game")
        for n in range(800)
    )
    with snapshot_of(log) as view:
        postings = Postings(view, 1, view.head, newest_first=False)
        parts = list(postings.of_all([[source_key("web")]], [type_key("a")]))

    assert [part.offsets for part in parts] == [[1], [381], [761]]


def test_runs_without_the_types_are_not_visited(tmp_path: Path) -> None:
    log = StoredLog(tmp_path, run_events=8)
    log.append(row(f"e{n}", type_="rare" if n == 35 else "often", source="web") for n in range(80))
    with snapshot_of(log) as view:
        postings = Postings(view, 1, view.head, newest_first=False)
        parts = list(postings.of_all([[source_key("web")]], [type_key("rare")]))

    assert parts == [Part(33, 40, [36])]


@pytest.mark.parametrize("newest_first", [True, False])
def test_ids_are_found_in_order(tmp_path: Path, newest_first: bool) -> None:
    log = StoredLog(tmp_path, run_events=8)
    log.append(row("twice" if n % 5 == 0 else f"e{n}", source=f"s{n}") for n in range(40))
    with snapshot_of(log) as view:
        parts = list(Postings(view, 4, 30, newest_first).of_id(id_key("twice")))

    found = [offset for part in parts for offset in looked_at(part)]
    assert found == sorted((6, 11, 16, 21, 26), reverse=newest_first)


def test_a_list_that_is_damaged_is_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    log = StoredLog(tmp_path, run_events=32)
    log.append(row(f"e{n}", source="web" if n in (3, 9) else "game") for n in range(32))
    log.build_index()
    index = connect_index(tmp_path)
    index.execute("UPDATE postings SET offsets = x'04fffff0' WHERE key = ?", (source_key("web"),))
    index.close()
    with snapshot_of(log) as view:
        (part,) = Postings(view, 1, view.head, newest_first=False).of_all(
            [[source_key("web")]], None
        )

    assert part.offsets == [4]
