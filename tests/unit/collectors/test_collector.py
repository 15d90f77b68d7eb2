"""A look at a server: bounded in time, whatever the server does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from event_system.collectors.board import Board
from event_system.collectors.collector import ServerCollector
from event_system.collectors.ports import Figure, Sample
from event_system.metrics.exposition import render
from event_system.metrics.manager import MetricsManager

FIGURES = (
    Figure("thing_up", "gauge", "Up."),
    Figure("thing_size", "gauge", "Size.", ("part",)),
)


class ListReader:
    """A reader that gives what a test puts into it: samples, an error, or nothing ever."""

    def __init__(self) -> None:
        self.gives: Sequence[Sample] | Exception | None = []
        self.aborted = 0
        self.closed = 0
        self.stubborn = 0  # cancellations that it loses, as a driver may

    async def read(self) -> Sequence[Sample]:
        while self.gives is None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if self.stubborn == 0:
                    raise
                self.stubborn -= 1
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives

    def abort(self) -> None:
        self.aborted += 1

    async def close(self) -> None:
        self.closed += 1
        if self.gives is None:
            await asyncio.Event().wait()


@pytest.fixture
def manager() -> MetricsManager:
    return MetricsManager()


@pytest.fixture
def reader() -> ListReader:
    return ListReader()


@pytest.fixture
def collector(manager: MetricsManager, reader: ListReader) -> ServerCollector:
    board = Board(manager, ("server",), FIGURES)
    return ServerCollector(board, reader, up="thing_up", server=("s1",), timeout=0.5)


def shown(manager: MetricsManager) -> list[str]:
    text = render(manager)[1].decode()
    return [line for line in text.splitlines() if line.startswith("thing_")]


async def test_what_a_server_says_is_shown(
    manager: MetricsManager, reader: ListReader, collector: ServerCollector
) -> None:
    reader.gives = [Sample("thing_size", 5, ("a",))]

    await collector.collect(manager)

    assert shown(manager) == ['thing_up{server="s1"} 1.0', 'thing_size{part="a",server="s1"} 5.0']


async def test_what_a_server_says_no_more_is_gone(
    manager: MetricsManager, reader: ListReader, collector: ServerCollector
) -> None:
    reader.gives = [Sample("thing_size", 5, ("a",))]
    await collector.collect(manager)
    reader.gives = [Sample("thing_size", 6, ("b",))]
    await collector.collect(manager)

    assert shown(manager)[1:] == ['thing_size{part="b",server="s1"} 6.0']


@pytest.mark.parametrize("gives", [OSError("gone"), None])
async def test_a_server_that_fails_or_hangs_is_down_and_says_nothing_else(
    manager: MetricsManager,
    reader: ListReader,
    collector: ServerCollector,
    gives: Exception | None,
) -> None:
    reader.gives = [Sample("thing_size", 5, ("a",))]
    await collector.collect(manager)
    reader.gives = gives
    await collector.collect(manager)

    assert shown(manager) == ['thing_up{server="s1"} 0.0']
    assert reader.aborted


async def test_a_driver_that_loses_cancellations_is_ended_all_the_same(
    manager: MetricsManager, reader: ListReader, collector: ServerCollector
) -> None:
    reader.gives, reader.stubborn = None, 2

    await collector.collect(manager)

    assert shown(manager) == ['thing_up{server="s1"} 0.0']


async def test_a_collector_that_is_cancelled_leaves_no_task(
    manager: MetricsManager, reader: ListReader
) -> None:
    board = Board(manager, ("server",), FIGURES)
    patient = ServerCollector(board, reader, up="thing_up", server=("s1",), timeout=3600)
    reader.gives = None
    task = asyncio.create_task(patient.collect(manager))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_log_has_the_first_failure_and_the_return(
    manager: MetricsManager,
    reader: ListReader,
    collector: ServerCollector,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    every: list[Sequence[Sample] | Exception] = [OSError("gone"), OSError("gone"), [], []]
    for gives in every:
        reader.gives = gives
        await collector.collect(manager)

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "OSError: gone" in caplog.text


async def test_closing_waits_for_no_server(collector: ServerCollector, reader: ListReader) -> None:
    reader.gives = None

    await collector.close()

    assert (reader.closed, reader.aborted) == (1, 1)


async def test_servers_of_one_kind_share_their_figures(manager: MetricsManager) -> None:
    board = Board(manager, ("server",), FIGURES)
    for name in ("s1", "s2"):
        board.show((name,), [Sample("thing_up", 1)])

    assert shown(manager) == ['thing_up{server="s1"} 1.0', 'thing_up{server="s2"} 1.0']
