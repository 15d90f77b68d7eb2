"""The node that users write their tests with."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from event_system import Event, Retry, listener
from event_system.node.embedded import EventSystem
from event_system.scheduling.schedule import Schedule, Template
from event_system.testing import MemoryNode


@listener("player.level_up", name="greet", filter="event.data.level >= 10")
async def greet(event: Event) -> None:
    assert event.data["level"] >= 10


@listener("match.*", name="flaky", retry=Retry(attempts=3, base=60.0, cap=600.0))
async def flaky(event: Event) -> None:
    if event.data is None or event.data.get("bad"):
        raise ValueError("on purpose")


async def test_what_was_emitted_and_handled_is_told() -> None:
    async with MemoryNode(listeners=[greet]) as node:
        await node.trigger("player.level_up", {"level": 10, "at": "home"}, subject="p1")
        await node.trigger("player.level_up", {"level": 3}, subject="p2")

        (ten,) = await node.expect_emitted("player.*", times=1, data={"level": 10})
        (by_subject,) = await node.expect_emitted("player.level_up", subject="p2", times=1)
        await node.expect_emitted(">", times=2)
        await node.expect_emitted("guild.>", times=0)
        assert await node.expect_handled("greet", times=1) == [ten]
        assert await node.expect_skipped("greet", "player.level_up") == [by_subject]


async def test_what_was_not_is_told_with_all_that_was() -> None:
    async with MemoryNode(listeners=[greet]) as node:
        await node.trigger("player.level_up", {"level": 3}, subject="p2")

        with pytest.raises(
            AssertionError, match=r"(?s)player\.\* about 'p1'.*1 player.level_up p2"
        ):
            await node.expect_emitted("player.*", subject="p1")
        with pytest.raises(AssertionError, match=r"(?s)handled by greet.*level': 3}: skipped"):
            await node.expect_handled("greet")
        with pytest.raises(AssertionError, match="2 times; it was 1 times"):
            await node.expect_emitted("player.level_up", times=2)
        with pytest.raises(AssertionError, match=r"no listener is called 'great'.*greet"):
            await node.expect_handled("great")


async def test_retries_come_with_time_and_end_as_dead_letters() -> None:
    async with MemoryNode(listeners=[flaky]) as node:
        await node.trigger("match.over", {"bad": True})
        await node.trigger("match.over", {"bad": False})

        (bad,) = await node.expect_retrying("flaky", times=1)
        await node.expect_handled("flaky", times=1)
        await node.advance(timedelta(minutes=20))

        assert await node.expect_dead("flaky") == [bad]
        ((_, delivery),) = [each for each in await node.delivered("flaky") if each[0] == bad]
        assert delivery.attempts == 3


async def test_a_lane_that_blocks_goes_on_with_time() -> None:
    attempts: list[str | None] = []

    @listener("turn", name="strict", on_failure="block", retry=Retry(attempts=5, base=30.0))
    async def strict(event: Event) -> None:
        attempts.append(event.id)
        if attempts == ["first"]:
            raise ValueError("on purpose")

    async with MemoryNode(listeners=[strict]) as node:
        await node.trigger("turn", id="first", subject="p")
        await node.trigger("turn", id="second", subject="p")
        await node.settle()
        assert attempts == ["first"]

        await node.advance(timedelta(minutes=1))
        assert attempts == ["first", "first", "second"]
        await node.expect_handled("strict", times=2)


async def test_delayed_events_and_schedules_happen_in_their_turn() -> None:
    async with MemoryNode(start=datetime(2026, 3, 1, 12, tzinfo=UTC)) as node:
        await node.schedules.put("daily", Schedule(cron="0 4 * * *", event=Template("tax.due")))
        await node.trigger("gift", deliver_at=node.clock.now + timedelta(days=2))

        await node.advance(timedelta(days=1))
        await node.expect_emitted("tax.due", times=1)
        await node.expect_emitted("gift", times=0)
        await node.advance_to(datetime(2026, 3, 4, tzinfo=UTC))

        assert [event.type for event in await node.emitted()] == ["tax.due", "tax.due", "gift"]
        times = [event.received_at for event in await node.emitted("gift")]
        assert times == [datetime(2026, 3, 3, 12, tzinfo=UTC)]


async def test_a_year_passes_in_a_moment() -> None:
    async with MemoryNode() as node:
        await node.trigger("gift", deliver_at=node.clock.now + timedelta(days=365))
        await node.advance(timedelta(days=366))
        await node.expect_emitted("gift", times=1)


async def test_two_runs_are_the_same() -> None:
    async def run() -> list[tuple[str, datetime]]:
        async with MemoryNode(listeners=[flaky]) as node:
            await node.trigger("match.over", {"bad": True})
            await node.trigger("match.over")
            await node.advance(3600)
            return [(event.id, event.received_at) for event in await node.emitted()]

    assert await run() == await run()


async def test_a_listener_that_never_ends_is_named() -> None:
    never = asyncio.Event()

    @listener("x", name="stuck")
    async def stuck(event: Event) -> None:
        await never.wait()

    async with MemoryNode(listeners=[stuck], patience=0.2) as node:
        await node.trigger("x")
        with pytest.raises(AssertionError, match=r"0.2 s: stuck \(1 events behind"):
            await node.settle()
        never.set()
        await node.expect_handled("stuck", times=1)


async def test_time_does_not_go_back() -> None:
    async with MemoryNode() as node:
        with pytest.raises(ValueError, match="time moves on only"):
            await node.advance(-1)
        with pytest.raises(ValueError, match="is past"):
            await node.advance_to(node.clock.now - timedelta(seconds=1))


async def test_nothing_is_left_behind() -> None:
    async with MemoryNode() as node:
        folder = node._data_dir
        await node.trigger("x")
        assert any(folder.iterdir())

    assert not folder.exists()


async def test_the_fixture_makes_nodes(event_node: type[MemoryNode]) -> None:
    async with event_node(listeners=[greet]) as one, event_node() as other:
        await one.trigger("player.level_up", {"level": 10})
        await one.expect_handled("greet", times=1)
        await other.expect_emitted(">", times=0)


async def test_an_embedded_system_goes_by_the_machine_without_one(tmp_path: Path) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    async with EventSystem(tmp_path) as es:
        receipt = await es.trigger("x")
        event = await es.history.at(receipt.offset)

    assert event is not None
    assert event.received_at > before
