"""Appending on a server: neighbours, other nodes, and answers that are lost on their way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_system.eventlog.sql.commit import GroupCommit
from event_system.eventlog.sql.log import SqlEventLog
from event_system.events.event import Row
from event_system.events.ports import Commit
from event_system.kernel.errors import (
    EventNotFoundError,
    PreconditionFailedError,
    StorageError,
)
from event_system.sql.dsn import Dsn
from event_system.sql.tables.log import LOG, WRITERS
from tests.support.rows import row
from tests.support.sql import ENGINES, SharedDatabases, connecting
from tests.support.sql_log import sql_log


@pytest.fixture(params=ENGINES)
def dsn(request: pytest.FixtureRequest, databases: SharedDatabases) -> Dsn:
    return databases.emptied(request.param)


@pytest.fixture
async def log(dsn: Dsn) -> AsyncIterator[SqlEventLog]:
    async with sql_log(dsn) as opened:
        yield opened


async def append(log: SqlEventLog, *rows: Row) -> list[int]:
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    log.submit(rows, answer.set_result)
    found = await answer
    if isinstance(found, Exception):
        raise found
    return list(found)


class Told:
    """What one node was told: ids by offset, and the offsets in the order of telling."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.ids: list[str] = []

    def __call__(self, commit: Commit) -> None:
        self.offsets += range(commit.first, commit.first + len(commit.rows))
        self.ids += [stored[7] for stored in commit.rows]


async def reaches(told: Told, count: int) -> None:
    async with asyncio.timeout(20):
        while len(told.offsets) < count:
            await asyncio.sleep(0.002)


# Neighbours in one commit


@pytest.mark.parametrize("bad", ["a\x00b" * 500, "\ud800"])
async def test_a_row_that_the_server_does_not_take_refuses_only_itself(
    log: SqlEventLog, bad: str
) -> None:
    await append(log, row("first"))  # from now on its type is known, and commits go in one step
    spoilt = (*row("x")[:7], bad, *row("x")[8:])

    answers = await asyncio.gather(
        append(log, row("a"), row("b")),
        append(log, row("c"), spoilt),
        append(log, row("d")),
        return_exceptions=True,
    )

    assert isinstance(answers[1], StorageError)
    assert [answers[0], answers[2]] == [[2, 3], [4]]
    assert [event.id for event in (await log.read(0, 10)).events] == ["first", "a", "b", "d"]


async def test_a_refusal_is_the_operations_own_and_its_neighbours_are_stored(
    log: SqlEventLog,
) -> None:
    async def refuse(commit: GroupCommit) -> None:
        raise EventNotFoundError(f"{len(commit.pending)} rows are before me")

    first = asyncio.create_task(append(log, row("a")))
    refused = asyncio.create_task(log.perform(refuse))
    last = asyncio.create_task(append(log, row("b")))

    with pytest.raises(EventNotFoundError, match="1 rows"):
        await refused
    assert [await first, await last] == [[1], [2]]


async def test_an_operation_that_breaks_takes_nobody_with_it(log: SqlEventLog) -> None:
    async def break_(commit: GroupCommit) -> None:
        await commit.append([row("lost")])
        await commit.execute(sa.text("INSERT INTO nowhere VALUES (1)"))

    first = asyncio.create_task(append(log, row("a")))
    broken = asyncio.create_task(log.perform(break_))
    last = asyncio.create_task(append(log, row("b")))

    with pytest.raises(StorageError):
        await broken
    assert [await first, await last] == [[1], [2]]


async def test_times_of_receipt_never_go_back(log: SqlEventLog) -> None:
    """Another node's clock may be ahead."""
    await append(log, row("a", received_us=2_000_000))
    await append(log, row("b", received_us=1_000_000))
    await append(log, *(row(f"c{n}", received_us=1_500_000) for n in range(300)))

    found = (await log.read(0, 1_000)).events

    assert {event.received_us for event in found} == {2_000_000}
    assert {event.time_us for event in found} == {1_000_000, 1_500_000, 2_000_000}


async def test_a_twin_counts_within_the_window_only(dsn: Dsn) -> None:
    async with sql_log(dsn, window_us=1_000) as log:
        await append(log, row("a", received_us=1_000_000))
        await append(log, row("b", received_us=1_000_999))

        assert await append(log, row("a", received_us=1_000_999)) == [-1]
        assert await append(log, row("a", received_us=1_001_000)) == [3]
        assert await append(log, row("a", received_us=1_001_500)) == [-3]


async def test_what_has_left_the_window_is_not_looked_at_for_twins(dsn: Dsn) -> None:
    async with sql_log(dsn, window_us=1_000) as log:
        for at in range(1, 6):
            await append(log, row(f"e{at}", received_us=1_000_000 + 500 * at))
        await log._look_back()

        assert log._attempts.window.young == 3
        late = row("e3", received_us=1_000_000)  # its clock is behind: it counts as now
        assert await append(log, late, row("e4", received_us=1_002_999)) == [6, -4]


@pytest.mark.parametrize("size", [1, 300])
async def test_a_log_whose_partition_is_full_goes_on_in_the_next(
    dsn: Dsn, databases: SharedDatabases, size: int
) -> None:
    async with sql_log(dsn) as log:
        await append(log, row("first"))
        room = (await log.partitions.all())[-1].last
        with connecting(dsn) as connection:
            connection.execute(sa.update(LOG).values(head=room - 2))
        offsets = await append(log, row("last of it"))
        offsets += await append(log, *(row(f"e{n}") for n in range(size)))
        offsets += await append(log, row("end"))
        ends = [part.last for part in await log.partitions.all()]

    assert offsets == list(range(room - 1, room + size + 1))
    assert len([end for end in ends if end >= room]) == 2


# Several nodes


async def test_a_reader_never_skips_what_is_committed_late(dsn: Dsn) -> None:
    """An append that is under way holds the others up, so offsets appear in their order."""
    told = Told()
    entered, leave = asyncio.Event(), asyncio.Event()

    async def linger(commit: GroupCommit) -> list[int]:
        offsets = await commit.append([row("slow")])
        entered.set()
        await leave.wait()
        return offsets

    async with sql_log(dsn) as slow, sql_log(dsn) as fast, sql_log(dsn, on_commit=told) as reader:
        held = asyncio.create_task(slow.perform(linger))
        await entered.wait()
        overtaking = asyncio.create_task(append(fast, row("fast")))
        for _ in range(20):
            assert (await reader.read(0, 10)).events == []
            await asyncio.sleep(0.005)
        assert not overtaking.done()
        leave.set()
        assert list(await asyncio.gather(held, overtaking)) == [[1], [2]]
        await reaches(told, 2)

    assert told.ids == ["slow", "fast"]


Script = list[tuple[int, list[int]]]


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    script=st.lists(
        st.tuples(st.integers(0, 1), st.lists(st.integers(0, 60), min_size=1, max_size=8)),
        min_size=1,
        max_size=40,
    )
)
async def test_nodes_that_append_at_once_tell_every_event_once_and_in_order(
    dsn: Dsn, databases: SharedDatabases, script: Script
) -> None:
    engine = "postgresql" if dsn.dialect == "postgresql" else "mariadb"
    databases.emptied(engine)
    told = [Told(), Told(), Told()]
    async with (
        sql_log(dsn, on_commit=told[0]) as one,
        sql_log(dsn, on_commit=told[1]) as two,
        sql_log(dsn, on_commit=told[2]),
    ):
        answers = await asyncio.gather(
            *(append((one, two)[node], *(row(f"e{n}") for n in ids)) for node, ids in script)
        )
        distinct = {n for _, ids in script for n in ids}
        for each in told:
            await reaches(each, len(distinct))

    assert told[0].offsets == list(range(1, len(distinct) + 1))
    assert told[0].offsets == told[1].offsets == told[2].offsets
    assert told[0].ids == told[1].ids == told[2].ids
    place = {id_: at for at, id_ in zip(told[0].offsets, told[0].ids, strict=True)}
    stored = [at for offsets in answers for at in offsets if at > 0]
    assert sorted(stored) == told[0].offsets
    for (_, ids), offsets in zip(script, answers, strict=True):
        assert [abs(at) for at in offsets] == [place[f"e{n}"] for n in ids]


async def test_of_many_on_two_nodes_one_wins_each_round(dsn: Dsn) -> None:
    async def add(log: SqlEventLog, id_: str, expected: int) -> int:
        try:
            return await log.append_if(row(id_, subject="p"), expected)
        except PreconditionFailedError:
            return 0

    last = 0
    async with sql_log(dsn) as one, sql_log(dsn) as two:
        for round_ in range(6):
            tries = (add((one, two)[n % 2], f"{round_}-{n}", last) for n in range(10))
            won = [at for at in await asyncio.gather(*tries) if at]
            assert len(won) == 1
            last = won[0]


# Lost answers


class Losing:
    """An engine's part whose connection breaks, after or before the server has done as asked."""

    def __init__(self, engine: Any, step: str, *, done: bool) -> None:
        self._engine = engine
        self._step = step
        self._done = done
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._engine, name)
        if name != self._step or self.lost:
            return found

        async def lose(driver: Any, *arguments: Any) -> Any:
            self.lost += 1
            if self._done:
                await found(driver, *arguments)
            raise ConnectionResetError("the connection was lost")

        return lose


def losing(log: SqlEventLog, step: str, *, done: bool) -> Losing:
    engine: Any = log._attempts._engine
    if step == "append":
        engine.one_step = lost = Losing(engine.one_step, step, done=done)
    else:
        log._attempts._engine = lost = Losing(engine, step, done=done)
    return lost


STEPS = [
    pytest.param(*engine.values, step, marks=engine.marks)
    for engine, step in ((ENGINES[0], "append"), *((engine, "commit") for engine in ENGINES))
]
"""Only PostgreSQL has an append in one step."""


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize(("dsn", "step"), STEPS, indirect=["dsn"])
async def test_an_append_whose_answer_was_lost_is_answered_as_if_it_was_not(
    dsn: Dsn, step: str, done: bool
) -> None:
    told = Told()
    async with sql_log(dsn, on_commit=told) as log:
        await append(log, row("a"), row("b"))
        engine = losing(log, step, done=done)
        type_ = "player.login" if step == "append" else "player.new"

        answers = await asyncio.gather(
            append(log, row("c", type_=type_), row("a")), append(log, row("d", type_=type_))
        )

        assert engine.lost == 1
        assert list(answers) == [[3, -1], [4]]
        assert await append(log, row("c"), row("e")) == [-3, 5]
        await reaches(told, 5)
    assert told.offsets == [1, 2, 3, 4, 5]
    assert told.ids == ["a", "b", "c", "d", "e"]


async def test_an_operation_whose_answer_was_lost_is_done_once(dsn: Dsn) -> None:
    async with sql_log(dsn) as log:
        await append(log, row("a", subject="p"))
        losing(log, "commit", done=True)

        assert await log.append_if(row("b", subject="p"), 1) == 2
        assert await log.last_of("p") == 2


async def test_whoever_cannot_be_told_is_told_that(
    dsn: Dsn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("event_system.eventlog.sql.attempts.SqlAttempts.patience_seconds", 0.0)
    told = Told()
    async with sql_log(dsn, on_commit=told) as log:
        losing(log, "commit", done=True)

        with pytest.raises(StorageError) as unknown:
            await append(log, row("a"))

        assert unknown.value.code == "storage.unknown"
        await reaches(told, 1)  # it was stored, and is told as another node's would be
        assert await append(log, row("a")) == [-1]


async def test_a_writer_that_was_forgotten_goes_on(log: SqlEventLog, dsn: Dsn) -> None:
    await append(log, row("a"))
    with connecting(dsn) as connection:
        connection.execute(sa.delete(WRITERS))

    assert await append(log, row("b"), row("a")) == [2, -1]
    assert await append(log, row("c")) == [3]


async def test_what_ends_leaves_no_sign(dsn: Dsn) -> None:
    async with sql_log(dsn) as log:
        await append(log, row("a"))
    with connecting(dsn) as connection:
        assert connection.execute(sa.select(WRITERS)).all() == []
