"""Calls in a worker process that ends: who is to blame, and who is not."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from event_system.events.event import Event
from event_system.kernel.errors import WorkerEndedError
from event_system.kernel.tasks import end
from event_system.metrics.manager import MetricsManager
from event_system.node.listeners import given_listeners
from event_system.node.worker_processes import worker_pool
from event_system.workers.frames import Begin
from event_system.workers.pool import WorkerPool
from tests.support import remote_listeners
from tests.support.waiting import until


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    """One process."""
    found = worker_pool(1, given_listeners([remote_listeners]), MetricsManager())
    assert found is not None
    found.start()
    yield found
    await found.stop()


def event(folder: Path, id_: str, offset: int) -> Event:
    data = json.dumps({"folder": str(folder), "kill": id_ == "poison"}).encode()
    return Event(offset, 0, "remote.die", "test", id_, None, 0, 0, None, None, None, data)


async def attempt(pool: WorkerPool, events: list[Event]) -> list[type[BaseException] | None]:
    """What comes of calls for all of them at the same time."""
    handler = pool.handler("dies")

    async def make(event: Event) -> None:
        await handler.ready(event)
        await handler(event)

    found = await asyncio.gather(*map(make, events), return_exceptions=True)
    return [None if result is None else type(result) for result in found]


async def test_what_was_in_hand_when_a_process_ended_is_called_alone_from_then_on(
    tmp_path: Path, pool: WorkerPool
) -> None:
    events = [event(tmp_path, id_, n) for n, id_ in enumerate(("a", "poison", "b", "c"))]
    first = asyncio.create_task(attempt(pool, events))
    await until(lambda: len(list(tmp_path.glob("begun-*"))) == 4)
    (tmp_path / "go").touch()

    assert await first == [WorkerEndedError] * 4
    for _ in range(2):
        assert await attempt(pool, events) == [None, WorkerEndedError, None, None]
    assert pool.restarts == 3
    assert pool.in_flight == 0


async def test_a_call_that_is_given_up_in_time_leaves_the_others_alone(
    tmp_path: Path, pool: WorkerPool
) -> None:
    given_up = asyncio.create_task(attempt(pool, [event(tmp_path, "a", 1)]))
    other = asyncio.create_task(attempt(pool, [event(tmp_path, "b", 2)]))
    await until(lambda: len(list(tmp_path.glob("begun-*"))) == 2)
    given_up.cancel()
    (tmp_path / "go").touch()

    assert await other == [None]
    assert await attempt(pool, [event(tmp_path, "c", 3)]) == [None]
    assert pool.restarts == 0


def pool_of(program: str) -> WorkerPool:
    """One process that runs this program in place of ours."""
    return WorkerPool(1, ["-c", program], Begin({}, logging.WARNING))


async def test_a_process_that_never_comes_to_take_calls_is_a_trouble_and_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pool = pool_of("raise SystemExit(7)")
    pool.start()
    waiting = asyncio.create_task(attempt(pool, [event(tmp_path, "a", 1)]))
    await until(lambda: pool.troubled)

    assert (pool.running, pool.restarts >= 3, waiting.done()) == (0, True, False)
    record = next(r for r in caplog.records if "exit code 7" in r.getMessage())
    assert vars(record)["context"]["code"] == "worker.start"
    await end(waiting)
    await pool.stop()


async def test_a_process_that_says_what_nobody_can_read_is_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = pool_of(
        "import os, sys, time; os.write(int(sys.argv[1]), b'\\xff' * 8); time.sleep(600)"
    )
    pool.start()
    await until(lambda: pool.restarts > 0)
    await pool.stop()

    assert "was ended: it said what cannot be read" in caplog.text


async def test_a_process_that_does_not_end_by_itself_does_not_hold_up_the_stop(
    tmp_path: Path,
) -> None:
    file = tmp_path / "pid"
    pool = pool_of(
        "import os, pathlib, time; "
        f"pathlib.Path({str(file)!r}).write_text(str(os.getpid())); time.sleep(600)"
    )
    pool.start()
    await until(lambda: file.exists() and bool(file.read_text()))
    await pool.stop()

    assert not psutil.pid_exists(int(file.read_text()))
