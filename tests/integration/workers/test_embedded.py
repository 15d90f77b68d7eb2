"""Worker processes of a node inside another program."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from event_system import Event, EventSystem, listener
from event_system.kernel.errors import ListenerDefinitionError
from event_system.node.settings import EventSettings
from tests.support import remote_listeners
from tests.support.waiting import until

TWO = EventSettings(worker_processes=2)


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def are_written(*paths: Path) -> bool:
    return all(path.exists() and path.read_text() for path in paths)


async def test_handlers_run_in_processes_that_end_with_the_node(tmp_path: Path) -> None:
    first, second, before = tmp_path / "first", tmp_path / "second", children()
    data = {"file": str(first), "other": str(second)}
    async with EventSystem(tmp_path / "data", settings=TWO, listeners=[remote_listeners]) as es:
        pids = children() - before
        await es.trigger("remote.write", data, subject="p1")
        await until(lambda: are_written(first, second))
    written = first.read_text().split()

    assert written[1] == "p1"
    assert int(written[0]) != os.getpid()
    assert int(written[0]) == int(second.read_text())
    assert children() == before
    assert not any(map(psutil.pid_exists, pids))


async def test_a_node_that_stops_before_its_processes_are_ready_leaves_none(
    tmp_path: Path,
) -> None:
    before = children()
    async with EventSystem(tmp_path, settings=TWO, listeners=[remote_listeners]):
        pass

    assert children() == before


async def test_a_listener_that_no_other_process_finds_is_refused(tmp_path: Path) -> None:
    @listener("a", name="inside", process=True)
    def inside(event: Event) -> None:
        """Nothing."""

    with pytest.raises(ListenerDefinitionError, match="top level of a module"):
        async with EventSystem(tmp_path, settings=TWO, listeners=[inside]):
            pass


async def test_without_processes_the_handlers_run_in_the_node(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    first, second, before = tmp_path / "first", tmp_path / "second", children()
    async with EventSystem(tmp_path / "data", listeners=[remote_listeners]) as es:
        assert children() == before
        await es.trigger("remote.write", {"file": str(first), "other": str(second)}, subject="p")
        await until(lambda: are_written(first, second))

    assert [int(path.read_text().split()[0]) for path in (first, second)] == [os.getpid()] * 2
    assert "event.worker_processes is 0" in caplog.text
