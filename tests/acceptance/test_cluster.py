"""Nodes on one database, under load, with what happens to nodes: killed, restarted, cut off."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from event_system.client import ClientOptions, EventClient
from event_system.sql.dsn import Dsn
from tests.support import waiting
from tests.support.link import Link
from tests.support.process import NodeProcess
from tests.support.sql import ENGINES, connecting, fresh_database
from tests.support.waiting import PATIENCE_SECONDS

LISTENERS = [Path(__file__).parent / "listeners" / "clustered.py"]
SUBJECTS = 24
LEASE_SECONDS = 5
PATIENT_SECONDS = 12
"""The lease where nobody dies: however busy the machine is, none is to be taken for dead."""
PACE_SECONDS = 0.005
POISON_ATTEMPTS = 2
HTTP_UNAVAILABLE = 503


@dataclass(frozen=True)
class Handled:
    at_ns: int
    subject: str
    offset: int
    id: str


@pytest.fixture(params=ENGINES)
def dsn(request: pytest.FixtureRequest) -> Iterator[Dsn]:
    with fresh_database(request.param, "cluster") as dsn:
        yield dsn


on_postgresql = pytest.mark.parametrize("dsn", ENGINES[:1], indirect=True)


def config(dsn: Dsn, name: str, roles: str, lease: int, more: str = "") -> str:
    return more + (
        f"database:\n  enabled: true\n  dsn: {dsn.url}\n"
        "logging:\n  level: info\n  format: json\n"
        f"node:\n  name: {name}\n  lease: {lease}s\n  roles: {roles}\n"
    )


@dataclass
class Crew:
    """Nodes by name, and what they have handled. `ports` are those that the load goes to."""

    nodes: dict[str, NodeProcess] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def handled(self, *names: str) -> list[Handled]:
        """What these nodes have handled, or all, in the order of time."""
        lines = [line.split() for name in names or self.nodes for line in self._lines(name)]
        rows = [Handled(int(at), subject, int(offset), id_) for at, subject, offset, id_ in lines]
        return sorted(rows, key=lambda each: each.at_ns)

    def _lines(self, name: str) -> list[str]:
        path = self.nodes[name].directory / "handled.log"
        return path.read_text().splitlines() if path.exists() else []

    def count(self, *names: str) -> int:
        return sum(len(self._lines(name)) for name in names or self.nodes)

    async def goes_on(self) -> None:
        """Wait until the nodes have handled more of each subject."""
        before = len(self.handled())
        await until(lambda: len({each.subject for each in self.handled()[before:]}) == SUBJECTS)


@asynccontextmanager
async def started(
    tmp_path: Path,
    dsns: dict[str, Dsn],
    *,
    roles: str = "api,worker,ops",
    lease: int = LEASE_SECONDS,
    more: str = "",
) -> AsyncIterator[Crew]:
    """Nodes that start at the same time, on a database that may be empty; `more` settings."""
    crew = Crew()
    await asyncio.to_thread(make_ledger, next(iter(dsns.values())))
    async with AsyncExitStack() as stack:
        for name, dsn in dsns.items():
            (tmp_path / name).mkdir()
            crew.nodes[name] = NodeProcess(
                tmp_path / name, config(dsn, name, roles, lease, more), LISTENERS
            )
            stack.push_async_callback(asyncio.to_thread, crew.nodes[name].__exit__)
        await asyncio.gather(*(asyncio.to_thread(n.start) for n in crew.nodes.values()))
        crew.ports |= {name: node.port for name, node in crew.nodes.items()}
        yield crew


def make_ledger(dsn: Dsn) -> None:
    """The table of the listener `ledger`, which is there before anybody looks at it."""
    columns = "(id VARCHAR(64), subject VARCHAR(64))"
    with connecting(dsn) as connection:
        connection.execute(sa.text(f"CREATE TABLE IF NOT EXISTS ledger {columns}"))


@dataclass
class Load:
    """One sender at its pace, until it is told to stop; `acknowledged` has offsets by id.

    A request is given up, and sent again, after so many seconds.
    """

    patience: float = 2.0
    acknowledged: dict[str, int] = field(default_factory=dict)
    failed: list[BaseException] = field(default_factory=list)
    going: bool = True

    async def goes_on(self) -> None:
        more = len(self.acknowledged) + 20
        await until(lambda: len(self.acknowledged) > more)

    async def send(self, url: str) -> None:
        options = ClientOptions(timeout=self.patience)
        async with EventClient(url, source="drill", options=options) as client:
            number = 0
            while self.going:
                number += 1
                subject, id_ = f"s{number % SUBJECTS}", f"e{number}"
                try:
                    receipt = await client.trigger("player.moved", number, subject=subject, id=id_)
                    self.acknowledged[receipt.id] = receipt.offset
                except Exception as error:  # noqa: BLE001 - the test looks at it
                    self.failed.append(error)
                await asyncio.sleep(PACE_SECONDS)


@asynccontextmanager
async def loaded(crew: Crew, patience: float = 2.0) -> AsyncIterator[Load]:
    load = Load(patience)
    async with Link(lambda: [*crew.ports.values()]) as front:
        sending = asyncio.create_task(load.send(front.url))
        try:
            yield load
        finally:
            load.going = False
            await sending


async def until(holds: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a condition holds that is looked at in a thread."""
    await waiting.until(lambda: asyncio.to_thread(holds), seconds)


def asked(dsn: Dsn, query: str) -> list[Any]:
    with connecting(dsn) as connection:
        return [tuple(map(_text, row)) for row in connection.execute(sa.text(query))]


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def spread(dsn: Dsn, *names: str) -> bool:
    """Whether each of these nodes, and nobody else, has about as many lanes as the others."""
    rows = asked(
        dsn,
        "SELECT coalesce(n.name, '') FROM owned o LEFT JOIN nodes n ON n.id = o.node"
        " WHERE o.kind = 'lane'",
    )
    found = Counter(name for (name,) in rows)
    return set(found) == set(names) and max(found.values()) - min(found.values()) <= 1


async def all_counts_once(crew: Crew, load: Load, dsn: Dsn) -> None:
    """What was acknowledged was handled, in order, and has its effect exactly once."""
    wanted = set(load.acknowledged)
    await until(lambda: crew.count() >= len(wanted))
    await until(lambda: wanted <= {each.id for each in crew.handled()})
    assert in_order(crew.handled())
    await until(lambda: wanted <= set(ledger(dsn)))
    assert max(ledger(dsn).values()) == 1
    assert load.failed == []


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


def ledger(dsn: Dsn) -> Counter[str]:
    return Counter(id_ for (id_,) in asked(dsn, "SELECT id FROM ledger"))


async def test_a_killed_nodes_lanes_go_to_the_others_and_nothing_is_lost(
    dsn: Dsn, tmp_path: Path
) -> None:
    async with started(tmp_path, {"a": dsn, "b": dsn, "c": dsn}) as crew:
        await until(lambda: spread(dsn, "a", "b", "c"))
        async with loaded(crew) as load:
            await until(lambda: crew.count("a") > 50)
            await asyncio.to_thread(crew.nodes["a"].kill)
            del crew.ports["a"]
            await until(lambda: spread(dsn, "b", "c"))
            await crew.goes_on()
        await all_counts_once(crew, load, dsn)


@on_postgresql
async def test_a_rolling_restart_fails_no_request_and_loses_nothing(
    dsn: Dsn, tmp_path: Path
) -> None:
    dsns = {"a": dsn, "b": dsn, "c": dsn}
    async with started(tmp_path, dsns, lease=PATIENT_SECONDS) as crew:
        await until(lambda: spread(dsn, "a", "b", "c"))
        async with loaded(crew) as load:
            for name, node in crew.nodes.items():
                await load.goes_on()
                assert await asyncio.to_thread(node.stop) == 0
                await asyncio.to_thread(node.start, crew.ports[name])
                await until(lambda: spread(dsn, "a", "b", "c"))
        await all_counts_once(crew, load, dsn)
        assert crew.count() == len(load.acknowledged)


@on_postgresql
@pytest.mark.parametrize("back_only", [False, True])
async def test_a_node_that_is_cut_off_has_stopped_before_others_have_its_lanes(
    dsn: Dsn, tmp_path: Path, back_only: bool
) -> None:
    async with Link(lambda: [dsn.port or 0]) as wire:
        far = replace(dsn, host="127.0.0.1", port=wire.port)
        async with started(tmp_path, {"a": far, "b": dsn}) as crew:
            await until(lambda: spread(dsn, "a", "b"))
            del crew.ports["a"]  # no requests for it
            async with loaded(crew) as load:
                await until(lambda: crew.count("a") > 50)
                wire.cut(back_only=back_only)
                await until(lambda: spread(dsn, "b"))
                more = crew.count() + 100
                await until(lambda: crew.count() > more)
                wire.mend()
                await until(lambda: spread(dsn, "a", "b"))
                more = crew.count("a") + 20
                await until(lambda: crew.count("a") > more)
            await all_counts_once(crew, load, dsn)


@on_postgresql
async def test_an_event_that_ends_node_after_node_becomes_a_dead_letter(
    dsn: Dsn, tmp_path: Path
) -> None:
    died = 0

    async def supervise(node: NodeProcess) -> None:
        nonlocal died
        while True:
            await until(lambda: node.process is not None and node.process.poll() is not None, 600)
            await asyncio.to_thread(node.ended)
            died += 1
            await asyncio.to_thread(node.start)

    async with started(tmp_path, {"a": dsn, "b": dsn, "c": dsn}) as crew:
        await until(lambda: spread(dsn, "a", "b", "c"))
        async with in_background(supervise(node) for node in crew.nodes.values()):
            events = [
                {"type": "player.moved", "subject": f"s{n % 4}", "id": f"e{n}"} for n in range(80)
            ]
            events[40]["data"] = "poison"
            async with EventClient(crew.nodes["a"].url, source="drill") as client:
                last = (await client.batch(events)).events[-1].offset
            letters = """SELECT f.state, f.attempts, e.id, f.error
                FROM failures f JOIN events e USING ("offset") WHERE f.listener = 'fragile'"""
            await until(lambda: {state for state, *_ in asked(dsn, letters)} == {"dead"})
            # A node that stands still for as long as its lease has had its attempt, too.
            ends = [[("dead", POISON_ATTEMPTS + more, "e40")] for more in (0, 1)]
            assert [row[:3] for row in asked(dsn, letters)] in ends, (asked(dsn, letters), crew)
            await until(lambda: set(ledger(dsn)) == {each["id"] for each in events})
            cursors = f"""SELECT count(*) FROM cursors c JOIN progress p ON p.node = c.node
                WHERE listener = 'fragile' AND c.caught_up
                AND greatest(c."offset", p.routed) >= {last}"""
            lanes = asked(dsn, "SELECT lanes FROM log")
            await until(lambda: asked(dsn, cursors) == lanes)
            assert POISON_ATTEMPTS <= died <= POISON_ATTEMPTS + 1
        assert in_order(crew.handled())


@asynccontextmanager
async def in_background(work: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """All of this goes on until the end, however that comes."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@on_postgresql
async def test_a_node_does_what_its_roles_say(dsn: Dsn, tmp_path: Path) -> None:
    async with (
        started(tmp_path, {"worker": dsn}, roles="worker,ops") as workers,
        started(tmp_path, {"api": dsn}, roles="api") as doors,
    ):
        door, worker = doors.nodes["api"], workers.nodes["worker"]
        with door.client() as asking, worker.client() as working:
            event = {"type": "player.moved", "subject": "s", "id": "e1"}
            assert asking.post("/api/events/trigger", json=event).status_code == 200
            await until(lambda: workers.count() == 1)
            refused = working.post("/api/events/trigger", json=event)
            assert (refused.status_code, refused.json()["code"]) == (
                HTTP_UNAVAILABLE,
                "node.no_api",
            )
            assert working.get("/health").json()["status"] == "ok"
            assert working.get("/health/ready").status_code == 200
            assert asking.get("/health/ready").status_code == 200
        assert worker.metrics()
        assert doors.count() == 0
        assert spread(dsn, "worker")
