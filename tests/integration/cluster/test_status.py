"""What a node tells of its cluster."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from event_system import Event, listener
from event_system.events.codec import Draft
from event_system.events.listener import listeners_of
from event_system.http.cluster_views import ClusterStatus, Had
from event_system.kernel.clock import SystemClock
from event_system.node.cluster_status import ClusterReport
from event_system.node.core import Core
from event_system.node.listeners import Found
from event_system.node.machine import Machine
from event_system.node.node_settings import NodeSettings
from event_system.node.settings import EventSettings
from event_system.node.stores import embedded_stores
from tests.support.cores import core_on
from tests.support.sql import SharedDatabases
from tests.support.waiting import until

NOBODY = Had([], [], [])
TASKS = ["retention", "scheduling"]


@listener("drill.*", name="plain")
async def plain(event: Event) -> None: ...


LISTENERS = list(listeners_of(plain))


async def status(core: Core) -> ClusterStatus:
    clock = SystemClock()
    return await ClusterReport(core, NodeSettings(), clock, clock.now_us()).status()


async def spread(core: Core, nodes: int) -> ClusterStatus:
    """The cluster, once it has so many nodes that have all of it."""
    async with asyncio.timeout(20):
        while True:
            found = await status(core)
            lanes = [node.lanes for node in found.nodes]
            if found.unowned == NOBODY and len(lanes) == nodes and all(lanes):
                return found
            await asyncio.sleep(0.05)


async def trigger(core: Core, count: int) -> None:
    for number in range(count):
        await core.manager.trigger(Draft("drill.event", subject=f"s{number}"), "test")


async def test_a_node_on_a_data_directory_is_a_cluster_of_one(tmp_path: Path) -> None:
    clock, loop = SystemClock(), asyncio.get_running_loop()
    stores = embedded_stores(tmp_path, EventSettings(), clock, loop)
    machine = Machine(clock, os.urandom, loop.call_later)
    core = Core(stores, EventSettings(), Found(LISTENERS), {}, machine)
    await core.start()
    try:
        found = await status(core)
    finally:
        await core.stop(5.0)

    (node,) = found.nodes
    assert (found.node, node.state, found.unowned) == (node.id, "live", NOBODY)
    assert node.lanes == list(range(core.log.lanes))
    assert {"plain"} <= set(node.listeners)
    assert node.tasks == TASKS
    assert found.lag["plain"] == node.lag["plain"] == 0


@pytest.mark.service("postgresql")
async def test_nodes_tell_who_has_what_and_how_far_behind_it_is(
    tmp_path: Path, databases: SharedDatabases
) -> None:
    dsn = databases.emptied("postgresql")
    async with core_on(dsn, tmp_path / "one", LISTENERS) as one:
        async with core_on(dsn, tmp_path / "two", LISTENERS) as two:
            lanes = one.log.lanes

            found = await spread(two, 2)

            first, second = found.nodes
            assert (first.name, second.name) == ("one", "two")
            assert found.node == second.id
            assert sorted([*first.lanes, *second.lanes]) == list(range(lanes))
            assert sorted([*first.tasks, *second.tasks]) == TASKS
            assert found.unowned == NOBODY
            assert abs(first.clock_offset) < 1

            two.dispatcher.hold("plain", held=True)
            await trigger(one, 64)
            await until(lambda: two.dispatcher.subscriptions["plain"].lag() > 0)
            assert (await status(two)).nodes[1].lag["plain"] > 0
        (left,) = (await spread(one, 1)).nodes
        assert (left.name, left.lanes) == ("one", list(range(lanes)))
