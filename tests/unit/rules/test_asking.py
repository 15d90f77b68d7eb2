"""The node's own engine answers the queries of rules, once the samples of now are stored."""

from __future__ import annotations

import asyncio
import time

from event_system.promql.engine import Engine, Limits
from event_system.promql.ports import NAME
from event_system.rules.asking import OwnEngine
from event_system.rules.memory import SeriesInMemory
from event_system.rules.ports import Sample


async def test_an_evaluation_waits_for_samples_that_are_just_being_stored() -> None:
    series, stored = SeriesInMemory(), asyncio.Event()

    async def settled() -> None:
        await stored.wait()

    questions = OwnEngine(Engine(series, Limits(), time.monotonic), time.monotonic, settled)
    asked = asyncio.create_task(questions.run(lambda: questions.ask("x", 1_000)))
    await asyncio.sleep(0)  # it would begin
    series.append([Sample(((NAME, "x"),), 1_000, 7.0)])
    stored.set()

    assert [each.values[-1] for each in (await asked).series] == [7.0]
