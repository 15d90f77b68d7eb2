"""The client through a bad network, and with a node that goes away: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from event_system.client import ClientOptions, EventClient, Gap, Receipt
from event_system.kernel.errors import UndeliveredError
from tests.support.process import NodeProcess
from tests.support.proxy import FAULTS, Proxy
from tests.support.waiting import PATIENCE_SECONDS

ROUNDS = int(os.environ.get("ROUNDS", "10"))
AT_ONCE = 10
SUBJECTS = 5
LISTENERS = [Path(__file__).parent / "listeners" / "recording.py"]


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[NodeProcess]:
    process = NodeProcess(tmp_path, listeners=LISTENERS)
    await asyncio.to_thread(process.start)
    try:
        yield process
    finally:
        await asyncio.to_thread(process.__exit__)


def options(**changed: Any) -> ClientOptions:
    """Impatient, so that a round takes seconds."""
    impatient: dict[str, Any] = {"timeout": 0.5, "batch_events": 20, "linger": 0.005}
    return ClientOptions(**impatient | changed)


async def stored(node: NodeProcess, **wanted: Any) -> list[dict[str, Any]]:
    async with EventClient(node.url) as client:
        return [event async for event in client.events(**wanted)]


async def drained(node: NodeProcess) -> None:
    """Wait until every listener has handled everything."""
    async with asyncio.timeout(30):
        while True:
            with node.client() as client:
                listeners = client.get("/api/listeners").json()["listeners"]
            if not any(listener["lag"] for listener in listeners):
                return
            await asyncio.sleep(0.05)


def check_whole(events: list[dict[str, Any]], ids: list[str], receipts: list[Receipt]) -> None:
    """Each event once, each subject in its order, each receipt the truth."""
    assert sorted(event["id"] for event in events) == sorted(ids)
    offsets = {event["id"]: event["offset"] for event in events}
    assert [offsets[receipt.id] for receipt in receipts] == [each.offset for each in receipts]
    for subject in {event["subject"] for event in events}:
        mine = [event["data"] for event in events if event["subject"] == subject]
        assert mine == sorted(mine)


async def trouble(node: NodeProcess, seed: int) -> tuple[list[str], Proxy]:
    """One sender with buffered events, single ones and a batch, through one bad network."""
    dice = random.Random(seed)
    source = f"drill-{seed}"
    ids = [f"{source}-{number}" for number in range(200)]
    lanes = dice.choice([1, 3])
    async with Proxy(lambda: node.port, seed) as proxy:
        async with EventClient(
            proxy.url, source=source, options=options(max_in_flight=lanes)
        ) as client:
            pending = []
            for number, id_ in enumerate(ids[:150]):
                subject = f"{source}-s{dice.randrange(SUBJECTS)}"
                pending.append(await client.send("player.moved", number, subject=subject, id=id_))
                if number % 50 == 25:
                    await client.flush()
            single = [
                await client.trigger("player.moved", 150 + n, subject=f"{source}-t", id=id_)
                for n, id_ in enumerate(ids[150:160])
            ]
            batch = [
                {"type": "player.moved", "data": 160 + n, "subject": f"{source}-b", "id": id_}
                for n, id_ in enumerate(ids[160:])
            ]
            whole = await client.batch(batch)
        receipts = [future.result() for future in pending]
        assert whole.accepted + whole.duplicates == 40
    check_whole(await stored(node, source=source), ids, [*receipts, *single, *whole.events])
    return ids, proxy


async def test_a_bad_network_neither_loses_nor_doubles_anything(
    node: NodeProcess, tmp_path: Path
) -> None:
    sent: list[str] = []
    faults = set[str]()
    for first in range(0, ROUNDS, AT_ONCE):
        seeds = range(first, min(first + AT_ONCE, ROUNDS))
        for ids, proxy in await asyncio.gather(*(trouble(node, seed) for seed in seeds)):
            sent += ids
            faults |= proxy.met.keys()
    assert set(FAULTS) <= faults
    await drained(node)
    handled = [line.split()[1] for line in (tmp_path / "handled.log").read_text().splitlines()]
    assert sorted(handled) == sorted([*sent, *sent])  # two listeners write it


@pytest.mark.parametrize("seed", range(2))
async def test_an_import_through_a_bad_network_stores_every_line_once(
    node: NodeProcess, tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "many.ndjson"
    lines = [json.dumps({"type": "player.moved", "data": n, "subject": "s"}) for n in range(20_000)]
    path.write_text("\n".join(lines))
    async with Proxy(lambda: node.port, seed, share=0.4, silence=0.1) as proxy:
        command = ("-m", "event_system.cli", "import", str(path), "--json", "--url", proxy.url)
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        assert proxy.met.total() > proxy.met["nothing"]
    counts = json.loads(out)
    assert counts["stored"] + counts["duplicates"] == counts["lines"] == len(lines)
    assert [event["data"] for event in await stored(node)] == list(range(len(lines)))


async def test_a_stream_and_an_export_that_are_cut_go_on_where_they_broke(
    node: NodeProcess,
) -> None:
    async with EventClient(node.url) as direct:
        for first in range(0, 4_000, 500):
            numbers = range(first, first + 500)
            await direct.batch([{"type": "player.moved", "data": number} for number in numbers])
    cuts = ("cuts the answer", "ends the answer early", "cuts the request", "answers itself")
    async with (
        Proxy(lambda: node.port, 7, share=0.8, faults=cuts) as proxy,
        EventClient(proxy.url, options=options(timeout=5.0)) as client,
    ):
        followed: list[Any] = []
        async for event in client.stream(after=0):
            assert not isinstance(event, Gap)
            followed.append(event["data"])
            if len(followed) == 4_000:
                break
        exported: list[bytes] = []
        async for part in client.export():
            exported += part.lines
        assert proxy.met.total() - proxy.met["nothing"] >= 2
    assert followed == list(range(4_000))
    assert [json.loads(line)["data"] for line in exported] == list(range(4_000))


async def test_a_node_that_is_killed_again_and_again_loses_nothing_of_a_stream(
    node: NodeProcess,
) -> None:
    ids = [f"e-{number}" for number in range(6_000)]
    port = node.port
    async with EventClient(node.url, source="drill", options=options(timeout=3.0)) as client:
        pending = []
        for number, id_ in enumerate(ids):
            subject = f"s{number % SUBJECTS}"
            pending.append(await client.send("player.moved", number, subject=subject, id=id_))
            if number % 1_500 == 1_000:
                await asyncio.to_thread(node.kill)
                await asyncio.to_thread(node.start, port)
    receipts = [future.result() for future in pending]
    check_whole(await stored(node, source="drill"), ids, receipts)


async def test_closing_sends_what_is_buffered_through_a_bad_network(node: NodeProcess) -> None:
    async with Proxy(lambda: node.port, 3, share=0.5) as proxy:
        client = EventClient(proxy.url, source="drill", options=options(linger=60.0))
        async with client:
            pending = [
                await client.send("player.moved", n, subject=f"s{n % SUBJECTS}", id=f"e-{n}")
                for n in range(310)
            ]
    receipts = [future.result() for future in pending]
    ids = [f"e-{number}" for number in range(310)]
    check_whole(await stored(node, source="drill"), ids, receipts)


async def test_while_the_node_is_away_the_buffer_is_bounded_and_tries_are_few(
    node: NodeProcess, tmp_path: Path
) -> None:
    ports = {"now": 1}  # nobody listens there
    limits = {"buffered_events": 50, "timeout": 2.0}
    async with Proxy(lambda: ports["now"], share=0.0) as proxy:
        async with EventClient(proxy.url, source="drill", options=options(**limits)) as client:
            pending: list[asyncio.Future[Receipt]] = []

            async def produce() -> None:
                for number in range(500):
                    future = await client.send("player.moved", number, subject="s")
                    pending.append(future)

            producing = asyncio.create_task(produce())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(producing), 3.0)
            assert len(pending) == 50
            assert proxy.met.total() < 40  # full jitter below 0.1, 0.2, 0.4 s and so on
            ports["now"] = node.port
            await asyncio.wait_for(producing, PATIENCE_SECONDS)
        offsets = [future.result().offset for future in pending]
    assert [event["data"] for event in await stored(node)] == list(range(500))
    assert offsets == sorted(offsets)


async def test_what_cannot_be_sent_in_time_is_handed_back_and_can_be_imported(
    node: NodeProcess, tmp_path: Path
) -> None:
    client = EventClient("http://127.0.0.1:1", source="drill", options=options(close_timeout=0.5))
    with pytest.raises(UndeliveredError) as raised:
        async with client:
            pending = [await client.send("player.moved", n, id=f"e-{n}") for n in range(30)]
    assert all(isinstance(future.exception(), UndeliveredError) for future in pending)
    lines = raised.value.events
    async with EventClient(node.url) as later:
        events = [json.loads(line) for line in lines]
        assert (await later.batch(events)).accepted == 30
    assert [event["id"] for event in await stored(node)] == [f"e-{n}" for n in range(30)]
