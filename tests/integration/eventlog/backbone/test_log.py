"""A stream in front of the tables: neighbours, lost answers, tables that are behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_system.eventlog.backbone.log import StreamEventLog
from event_system.eventlog.backbone.projection import Projection
from event_system.eventlog.backbone.stream import Stream
from event_system.eventlog.backbone.tail import Tail
from event_system.eventlog.sql.line import Line
from event_system.eventlog.sql.partitions import Partitions
from event_system.eventlog.sql.postgresql import PostgresEngine
from event_system.events.event import Row
from event_system.events.ports import Commit, Filter
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import (
    BackboneLagError,
    BackboneUnreachableError,
    PreconditionFailedError,
)
from event_system.sql.dsn import Dsn
from event_system.sql.tables.log import EVENTS, LOG
from tests.support.rows import row
from tests.support.sql import ENGINES, SharedDatabases, connecting, opened
from tests.support.stream_log import all_ids, append, held, new_name, stream_log, taken_over
from tests.support.waiting import PATIENCE_SECONDS, until

Make: TypeAlias = Callable[[str], Stream]
pytestmark = pytest.mark.service("postgresql")


class Told:
    """What one node was told."""

    def __init__(self) -> None:
        self.ids: dict[int, str] = {}
        self.offsets: list[int] = []

    def __call__(self, commit: Commit) -> None:
        self.offsets += range(commit.first, commit.first + len(commit.rows))
        self.ids |= {at: stored[7] for at, stored in enumerate(commit.rows, commit.first)}


def lossy(stream: Stream, faults: Sequence[str]) -> Stream:
    """Loses commits on their way, or the answers to them, as `faults` says one after the other."""
    append_whole, to_come = stream.append, iter(faults)

    async def append_or_lose(rows: Sequence[Row], expected: int, commit: str) -> None:
        fault = next(to_come, "")
        if fault != "commit":
            await append_whole(rows, expected, commit)
        if fault:
            raise BackboneUnreachableError("lost on the way")

    stream.append = append_or_lose  # type: ignore[method-assign]
    return stream


@pytest.mark.parametrize("engine", ENGINES)
async def test_the_tables_take_over_what_the_stream_has(
    engine: str, databases: SharedDatabases, make: Make
) -> None:
    dsn = databases.emptied(engine)
    async with stream_log(dsn, make(new_name())) as log:
        for start in range(0, 30, 10):
            await append(log, *(row(f"e{n}", data=b"[1]") for n in range(start, start + 10)))
        assert await append(log, row("e3"), row("new")) == [-4, 31]
        await taken_over(log)
        page = await log.history.find(Filter(), limit=100, newest_first=True, cursor=None)
        assert [event.offset for event in page.events] == list(range(31, 0, -1))
        assert await append(log, row("e3"), row("new"), row("newer")) == [-4, -31, 32]
        await taken_over(log)
    with connecting(dsn) as connection:
        offsets = connection.execute(sa.select(EVENTS.c.offset).order_by(EVENTS.c.offset))
        assert list(offsets.scalars()) == list(range(1, 33))


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    faults=st.lists(st.sampled_from(["", "commit", "answer"]), max_size=6),
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5),
)
async def test_what_is_lost_on_the_way_is_stored_once_and_answered_right(
    databases: SharedDatabases, make: Make, faults: list[str], sizes: list[int]
) -> None:
    dsn, told = databases.emptied("postgresql"), Told()
    async with stream_log(dsn, lossy(make(new_name()), faults), on_commit=told) as log:
        stored = 0
        for number, size in enumerate(sizes):
            rows = [row(f"{number}-{n}", subject="p") for n in range(size)]
            assert await append(log, *rows) == list(range(stored + 1, stored + size + 1))
            stored += size
        assert await log.append_if(row("last", subject="p"), stored) == stored + 1
        assert told.offsets == list(range(1, stored + 2))
        assert len(set(await all_ids(log))) == stored + 1


@pytest.mark.parametrize("engine", ENGINES)
async def test_nodes_append_to_one_order_and_each_sees_all_of_it(
    engine: str, databases: SharedDatabases, make: Make
) -> None:
    dsn, name, told = databases.emptied(engine), new_name(), [Told(), Told()]
    async with (
        stream_log(dsn, make(name), on_commit=told[0]) as one,
        stream_log(dsn, make(name), on_commit=told[1]) as two,
    ):

        async def sender(log: StreamEventLog, sign: str) -> list[int]:
            found = []
            for n in range(15):
                found += await append(log, row(f"{sign}{n}"), row(f"same{n}"))
            return found

        answers = await asyncio.gather(*(sender(log, s) for log, s in [(one, "a"), (two, "b")] * 2))
        offsets = [abs(at) for each in answers for at in each]
        await asyncio.gather(one.flush(), two.flush())
        await until(lambda: one.head == two.head == 45)

    assert set(offsets) == set(range(1, 46))
    assert [each.offsets for each in told] == [list(range(1, 46))] * 2
    assert told[0].ids == told[1].ids
    assert len(set(told[0].ids.values())) == 45


async def test_of_many_nodes_one_wins_where_a_subject_is_expected_to_stand(
    dsn: Dsn, make: Make
) -> None:
    name = new_name()
    async with stream_log(dsn, make(name)) as one, stream_log(dsn, make(name)) as two:

        async def attempt(log: StreamEventLog, id_: str, expected: int) -> int:
            try:
                return await log.append_if(row(id_, subject="p"), expected)
            except PreconditionFailedError:
                return 0

        last = 0
        for round_ in range(8):
            logs = enumerate((one, two))
            tries = [attempt(log, f"{round_}-{n}-{i}", last) for i, log in logs for n in range(4)]
            won = [at for at in await asyncio.gather(*tries) if at]
            assert won == [last + 1]
            (last,) = won


async def test_events_that_the_tables_do_not_have_are_read_found_twice_and_expected(
    dsn: Dsn, make: Make
) -> None:
    async with stream_log(dsn, make(new_name())) as log:
        with held(dsn):
            await append(log, *(row(f"e{n}", subject=f"s{n}") for n in range(20)))
            assert log.lag == 20
            assert await append(log, row("e7"), row("x")) == [-8, 21]
            assert [event.id for event in (await log.read(15, 3)).events] == ["e15", "e16", "e17"]
            assert [event.id for event in await log.pick([20, 3, 99])] == ["e19", "e2"]
            assert await log.last_of("s4") == 5
            young = await log.history.at(6), await log.history.get("e5")
            assert [event.id for event in young if event is not None] == ["e5", "e5"]
            with pytest.raises(PreconditionFailedError):
                await log.append_if(row("y", subject="s4"), 4)
        await taken_over(log)
        found = await log.history.get("e9")
        assert found is not None
        assert found.offset == 10


async def test_a_node_that_dies_before_the_tables_have_its_events_loses_none(
    dsn: Dsn, make: Make
) -> None:
    name = new_name()
    async with stream_log(dsn, make(name), started=False) as log:
        log._writer.start()  # and no projection: as if the node ended before it came to that
        for start in (0, 750):
            await append(log, *(row(f"e{n}") for n in range(start, start + 750)))
        place = log._stream.place(700)
        log.projection.start()
        await taken_over(log)
    with connecting(dsn) as connection:
        connection.execute(sa.delete(EVENTS).where(EVENTS.c.offset > 700))
        connection.execute(sa.update(LOG).values(head=700, place=place))

    async with stream_log(dsn, make(name)) as log:
        assert log.head == 1_500
        assert await append(log, row("e3"), row("e1400"), row("new")) == [-4, -1_401, 1_501]
        assert await all_ids(log) == [*(f"e{n}" for n in range(1_500)), "new"]


async def test_a_node_that_is_slow_to_take_over_changes_nothing_that_others_have(
    dsn: Dsn, make: Make
) -> None:
    rows = [row(f"e{n}") for n in range(10)]
    name = new_name()
    async with stream_log(dsn, make(name)) as log:
        await append(log, *rows)
    async with opened(dsn) as database:
        tail, partitions = Tail(0, 0), Partitions(database)
        line = Line(database, SystemClock().monotonic)
        stream = make(name)
        projection = Projection(tail, stream, line, PostgresEngine(), partitions, floor=0)
        projection.start()
        for part in (rows[:4], rows[4:]):
            tail.extend(part)
            assert await tail.projection(tail.head, PATIENCE_SECONDS)
        await projection.stop()
    with connecting(dsn) as connection:
        assert connection.scalar(sa.select(LOG.c.head)) == 10
        assert connection.scalar(sa.select(sa.func.count()).select_from(EVENTS)) == 10


async def test_senders_are_refused_while_the_tables_are_far_behind(dsn: Dsn, make: Make) -> None:
    async with stream_log(dsn, make(new_name()), most_waiting=10, patience_seconds=0.05) as log:
        with held(dsn):
            await append(log, *(row(f"e{n}") for n in range(10)))
            with pytest.raises(BackboneLagError):
                await append(log, row("one too many"))
        await taken_over(log)
        assert await append(log, row("one too many")) == [11]
