"""Lanes move between two dispatchers at any time: each event is handled once, in its order."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.support.delivery import feed
from tests.support.journal import Journal, lane_of, lanes, listener
from tests.support.rows import LANES
from tests.support.sharing import Crew
from tests.support.waiting import until


class Moves(RuleBasedStateMachine):
    """Events come in while lanes and the listener go between two nodes, or to nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = tempfile.TemporaryDirectory()
        self.journal = Journal()
        self.owner: dict[int, str] = {}
        self.runner.run(self._open())

    async def _open(self) -> None:
        make = self.journal.handler
        self.crew = Crew(Path(self.directory.name), lambda node: [listener(make(node))])
        await self.crew.__aenter__()
        for bench in self.crew.benches.values():
            bench.settings.async_channel_size = 3

    async def _feed(self, count: int) -> None:
        feed(self.crew.log, count, subjects=9)

    @rule(count=st.integers(1, 30))
    def events_come_in(self, count: int) -> None:
        self.runner.run(self._feed(count))

    @rule(turns=st.integers(1, 20))
    def time_passes(self, turns: int) -> None:
        async def wait() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.runner.run(wait())

    @rule(number=st.integers(0, LANES - 1), to=st.sampled_from(["a", "b", ""]))
    def a_lane_moves(self, number: int, to: str) -> None:
        self.runner.run(self._move(number, to))

    async def _move(self, number: int, to: str) -> None:
        if before := self.owner.pop(number, ""):
            await self.crew[before].dispatcher.sharing.release(lanes(number), 5.0)
        if to:
            await self.crew[to].dispatcher.sharing.take(lanes(number))
            self.owner[number] = to

    @invariant()
    def nothing_is_handled_twice_or_out_of_order(self) -> None:
        offsets = self.journal.offsets
        assert len(set(offsets)) == len(offsets)
        by_lane = defaultdict(list)
        for offset in offsets:
            by_lane[lane_of(self.crew, offset)].append(offset)
        assert all(each == sorted(each) for each in by_lane.values())

    def teardown(self) -> None:
        async def end() -> None:
            for number in range(LANES):
                await self._move(number, "a")
            await until(lambda: len(self.journal.ended) == self.crew.log.head)
            await self.crew.__aexit__()

        self.runner.run(end())
        self.nothing_is_handled_twice_or_out_of_order()
        assert sorted(self.journal.offsets) == list(range(1, self.crew.log.head + 1))
        self.runner.close()
        self.directory.cleanup()


TestMoves = Moves.TestCase
TestMoves.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
