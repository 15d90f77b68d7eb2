"""A node whose lease is lost writes nothing, however it tries."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from event_system.database.sql.state import ServerState
from event_system.delivery.ports import RETRYING, Cursor, Progress, Selection
from event_system.kernel.errors import ForeignFileError, LeaseLostError
from event_system.sql.database import Database
from tests.contract.state.values import replay
from tests.support.memory_retries import failure
from tests.support.sql import ENGINES, SharedDatabases, opened


class Fence:
    """Lets nobody through once it is shut."""

    def __init__(self) -> None:
        self.shut = False

    def __call__(self, connection: sa.Connection) -> None:
        if self.shut:
            raise LeaseLostError("another node has it")


@pytest.fixture(params=ENGINES)
async def database(
    request: pytest.FixtureRequest, databases: SharedDatabases
) -> AsyncIterator[Database]:
    async with opened(databases.fresh(request.param)) as database:
        yield database


async def test_nothing_is_written_without_the_lease(database: Database) -> None:
    fence = Fence()
    state = await ServerState.open(database, fence, 1, node=lambda: "one")
    board = await state.open_batches("board", 5)
    await state.save(1, [], [failure("x", 1)])
    await board.advance(6, failure("board", 6, state=RETRYING))
    kept = await state.replays.add(replay("x"))
    fence.shut = True

    transaction = await board.begin()
    transaction.execute("CREATE TEMPORARY TABLE mine (n BIGINT)")
    with pytest.raises(LeaseLostError):
        await board.commit(transaction, 9, done=6)
    assert board.roll_back(transaction) is False
    for attempt in (
        lambda: state.save(9, [Cursor("x", 0, 9, caught_up=True)], [failure("x", 2)]),
        lambda: state.register({"x": 3}),
        lambda: state.retries.requeue(Selection(), 9, 10, None),
        lambda: state.retries.discard(Selection(), 10, None),
        lambda: state.retries.settle([failure("x", 1, at_us=9)], []),
        lambda: state.pauses.put("x", 9),
        lambda: state.replays.add(replay("x")),
        lambda: state.replays.put(kept),
        lambda: state.known.purge("x"),
        lambda: board.advance(9),
        lambda: board.replaying("1-1", 0),
        lambda: board.retries.discard(Selection(state=RETRYING), 10, None),
    ):
        with pytest.raises(LeaseLostError):
            await attempt()
    assert (state.retries.counts["x"].dead, board.retries.counts["board"].retrying) == (1, 1)
    assert board.cursor == 6
    await state.close()

    fence.shut = False
    again = await ServerState.open(database, fence, 1, node=lambda: "one")
    assert await again.load() == Progress(1, {}, {})
    assert await again.failures_of(1) == [failure("x", 1)]
    assert await again.replays.of("x") == [kept]
    assert await again.pauses.load() == {}
    assert await again.known.batch_cursor("board") == 6
    assert again.retries.counts == state.retries.counts
    await again.close()


async def test_the_state_of_another_log_is_refused(database: Database) -> None:
    await (await ServerState.open(database, Fence(), 1, node=lambda: "one")).close()

    with pytest.raises(ForeignFileError):
        await ServerState.open(database, Fence(), 2, node=lambda: "one")
