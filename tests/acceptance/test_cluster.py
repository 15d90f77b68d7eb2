"""Three nodes on one database, under load, with what happens to nodes: killed, restarted, cut off.

`CLUSTER_ENGINE=mariadb` runs the drills on MariaDB instead of PostgreSQL.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from event_system.client import ClientOptions, EventClient
from event_system.sql.dsn import Dsn
from tests.support.link import Link
from tests.support.process import NodeProcess
from tests.support.sql import connecting, fresh_database

ENGINE = os.environ.get("CLUSTER_ENGINE", "postgresql")
LISTENERS = [Path(__file__).parent / "listeners" / "clustered.py"]
SUBJECTS = 24

pytestmark = pytest.mark.service(ENGINE)


@dataclass(frozen=True)
class Handled:
    at_ns: int
    subject: str
    offset: int
    id: str


@pytest.fixture
def dsn() -> Iterator[Dsn]:
    with fresh_database(ENGINE, "cluster") as dsn:
        yield dsn


def config(dsn: Dsn) -> str:
    return (
        f"database:\n  enabled: true\n  dsn: {dsn.url}\nlogging:\n  level: info\n  format: json\n"
    )


@dataclass
class Crew:
    """Nodes by name, and what they have handled."""

    nodes: dict[str, NodeProcess] = field(default_factory=dict)

    def ports(self) -> list[int]:
        return [n.port for n in self.nodes.values() if n.process is not None and n.port]

    def handled(self, name: str) -> list[Handled]:
        path = self.nodes[name].directory / "handled.log"
        lines = path.read_text().splitlines() if path.exists() else []
        rows = [line.split() for line in lines]
        return [Handled(int(at), subject, int(offset), id_) for at, subject, offset, id_ in rows]

    def everything(self) -> list[Handled]:
        found = [each for name in self.nodes for each in self.handled(name)]
        return sorted(found, key=lambda each: each.at_ns)


@asynccontextmanager
async def started(tmp_path: Path, dsns: dict[str, Dsn]) -> AsyncIterator[Crew]:
    crew = Crew()
    async with AsyncExitStack() as stack:
        for name, dsn in dsns.items():
            (tmp_path / name).mkdir()
            node = NodeProcess(tmp_path / name, config(dsn) + f"node:\n  name: {name}\n", LISTENERS)
            crew.nodes[name] = node
            stack.push_async_callback(asyncio.to_thread, node.__exit__)
            await asyncio.to_thread(node.start)
        yield crew


@dataclass
class Load:
    """One sender at its pace, until it is told to stop; `acknowledged` has offsets by id."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    failed: list[BaseException] = field(default_factory=list)
    going: bool = True

    async def send(self, url: str) -> None:
        options = ClientOptions(timeout=2.0)
        async with EventClient(url, source="drill", options=options) as client:
            number = 0
            while self.going:
                number += 1
                try:
                    receipt = await client.trigger(
                        "player.moved", number, subject=f"s{number % SUBJECTS}", id=f"e{number}"
                    )
                    self.acknowledged[receipt.id] = receipt.offset
                except Exception as error:  # noqa: BLE001 - the test looks at it
                    self.failed.append(error)


@asynccontextmanager
async def loaded(crew: Crew, senders: int = 1) -> AsyncIterator[Load]:
    load = Load()
    async with Link(crew.ports) as front:
        sending = asyncio.create_task(load.send(front.url))
        try:
            yield load
        finally:
            load.going = False
            await sending


async def until(holds: Callable[[], Any], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.02)


def owners(dsn: Dsn) -> Counter[str]:
    """How many lanes each node has, by name; '' are nobody's."""
    with connecting(dsn) as connection:
        rows = connection.execute(
            sa.text(
                "SELECT coalesce(n.name, '') FROM owned o LEFT JOIN nodes n ON n.id = o.node"
                " WHERE o.kind = 'lane'"
            )
        )
        return Counter(x.decode() if isinstance(x, bytes) else x for (x,) in rows)


def spread(dsn: Dsn, *names: str) -> bool:
    found = owners(dsn)
    return set(found) == set(names) and max(found.values()) - min(found.values()) <= 1


async def all_handled(crew: Crew, load: Load) -> None:
    wanted = set(load.acknowledged)
    await until(lambda: wanted <= {each.id for each in crew.everything()})


def in_order(handled: list[Handled]) -> bool:
    """First times of each subject, one after the other; what a crash repeats is no disorder."""
    furthest: defaultdict[str, int] = defaultdict(int)
    seen: set[str] = set()
    for each in handled:
        if each.id not in seen:
            if each.offset < furthest[each.subject]:
                return False
            furthest[each.subject] = each.offset
            seen.add(each.id)
    return True


def longest_pause(handled: list[Handled], after_ns: int) -> float:
    """Seconds, of the subject that waited longest for its next event."""
    last: dict[str, int] = {}
    pauses = [0.0]
    for each in handled:
        if each.subject in last and each.at_ns > after_ns:
            pauses.append((each.at_ns - last[each.subject]) / 1e9)
        last[each.subject] = each.at_ns
    return max(pauses)


def ledger(dsn: Dsn) -> Counter[str]:
    with connecting(dsn) as connection:
        return Counter(str(x) for (x,) in connection.execute(sa.text("SELECT id FROM ledger")))


async def test_a_killed_nodes_lanes_go_to_the_others_and_nothing_is_lost(
    dsn: Dsn, tmp_path: Path
) -> None:
    async with started(tmp_path, {"a": dsn, "b": dsn, "c": dsn}) as crew:
        await until(lambda: spread(dsn, "a", "b", "c"))
        async with loaded(crew) as load:
            await until(lambda: len(crew.everything()) > 200)
            killed_ns = crew.everything()[-1].at_ns
            await asyncio.to_thread(crew.nodes["a"].kill)
            del_port(crew, "a")
            await until(lambda: spread(dsn, "b", "c"))
            more = len(crew.everything()) + 200
            await until(lambda: len(crew.everything()) > more)
        await all_handled(crew, load)
        everything = crew.everything()
        assert load.failed == []
        assert in_order(everything)
        assert longest_pause(everything, killed_ns) < 12
        await until(lambda: set(ledger(dsn)) >= set(load.acknowledged))
        assert max(ledger(dsn).values()) == 1


def del_port(crew: Crew, name: str) -> None:
    crew.nodes[name].port = 0


async def test_a_rolling_restart_fails_no_request_and_loses_nothing(
    dsn: Dsn, tmp_path: Path
) -> None:
    async with started(tmp_path, {"a": dsn, "b": dsn, "c": dsn}) as crew:
        await until(lambda: spread(dsn, "a", "b", "c"))
        async with loaded(crew) as load:
            for name in ("a", "b", "c"):
                port = crew.nodes[name].port
                await until(lambda: len(load.acknowledged) > 0)
                assert await asyncio.to_thread(crew.nodes[name].stop) == 0
                await asyncio.to_thread(crew.nodes[name].start, port)
                await until(lambda: spread(dsn, "a", "b", "c"))
        await all_handled(crew, load)
        everything = crew.everything()
        repeated = len(everything) - len({each.id for each in everything})
        assert load.failed == []
        assert in_order(everything)
        assert repeated == 0
        await until(lambda: set(ledger(dsn)) >= set(load.acknowledged))
        assert max(ledger(dsn).values()) == 1


async def test_a_node_that_is_cut_off_has_stopped_before_others_have_its_lanes(
    dsn: Dsn, tmp_path: Path
) -> None:
    async with Link(lambda: [dsn.port or 0]) as wire:
        far = replace(dsn, host="127.0.0.1", port=wire.port)
        async with started(tmp_path, {"a": far, "b": dsn}) as crew:
            await until(lambda: spread(dsn, "a", "b"))
            a_port = crew.nodes["a"].port
            crew.nodes["a"].port = 0  # no requests for it
            async with loaded(crew) as load:
                await until(lambda: len(crew.handled("a")) > 50)
                wire.cut()
                await until(lambda: spread(dsn, "b"))
                more = len(crew.everything()) + 300
                await until(lambda: len(crew.everything()) > more)
                wire.mend()
                crew.nodes["a"].port = a_port
                await until(lambda: spread(dsn, "a", "b"))
                before = len(crew.handled("a"))
                await until(lambda: len(crew.handled("a")) > before + 20)
            await all_handled(crew, load)
            everything = crew.everything()
            assert load.failed == []
            assert in_order(everything)
            await until(lambda: set(ledger(dsn)) >= set(load.acknowledged))
            assert max(ledger(dsn).values()) == 1
