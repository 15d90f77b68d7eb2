"""The pipeline with a store and channels that only remember."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from event_system.alerting.reports import Report
from event_system.alerting.routes import Route
from event_system.kernel.errors import (
    AlertingFullError,
    ChannelError,
    InvalidAlertError,
    StorageError,
    TemplateError,
)
from tests.support.alerting import SECOND
from tests.support.alerting_world import OPTIONS, running
from tests.support.waiting import PATIENCE_SECONDS

FIRES, ENDS = [("x", "firing")], [("x", "resolved")]


async def test_a_beginning_and_an_end_are_told_once_each() -> None:
    async with running() as world:
        await world.report("x")
        await world.settle()
        await world.passes(10)
        await world.resolve("x")
        await world.passes(10)
        await world.passes(10)

        assert world.told == [FIRES, ENDS]


async def test_what_fires_on_is_told_again_after_the_repeat_interval() -> None:
    async with running(options=replace(OPTIONS, repeat_interval_us=25 * SECOND)) as world:
        await world.report("x", ends=1000)
        await world.settle()
        for _ in range(6):
            await world.passes(10)

        assert world.told == [FIRES] * 3


async def test_an_end_is_not_told_where_it_is_not_wanted() -> None:
    async with running(send_resolved=False) as world:
        await world.report("x")
        await world.settle()
        await world.resolve("x")
        await world.passes(10)

        assert world.told == [FIRES]


async def test_an_alert_that_nobody_reports_any_more_ends() -> None:
    async with running() as world:
        await world.report("x")
        await world.settle()
        await world.passes(301)

        assert world.told == [FIRES, ENDS]


async def test_a_silence_keeps_quiet_until_it_expires() -> None:
    async with running() as world:
        id_ = await world.silence("x")
        await world.report("x", ends=1000)
        await world.settle()
        assert world.told == []
        await world.manager.expire_silence(id_)
        await world.passes(10)

        assert world.told == [FIRES]


async def test_an_inhibited_alert_is_not_told() -> None:
    async with running() as world:
        await world.report("root")
        await world.report("leaf")
        await world.settle()

        assert world.told == [[("root", "firing")]]


PROMISE = pytest.mark.parametrize(
    ("keep_promise", "told"), [(True, [FIRES, ENDS]), (False, [FIRES])]
)


@PROMISE
async def test_whose_beginning_was_told_its_end_is_told_although_it_is_silenced(
    keep_promise: bool, told: object
) -> None:
    async with running(keep_promise=keep_promise) as world:
        await world.report("x")
        await world.settle()
        await world.silence("x")
        await world.resolve("x")
        await world.passes(10)
        await world.passes(10)

        assert world.told == told


async def test_its_end_is_told_also_where_others_were_told_in_between() -> None:
    """`x` is silenced, so the log's newest entry does not count it among what fires."""
    async with running() as world:
        await world.report("x", ends=1000)
        await world.settle()
        await world.silence("x", seconds=15)
        await world.report("y", ends=1000)
        await world.passes(10)
        await world.passes(10)
        await world.resolve("x")
        await world.passes(10)

        assert world.told[0] == FIRES
        assert world.told[1] == [("y", "firing")]
        assert ("x", "resolved") in world.told[-1]


async def test_an_end_that_is_reported_again_is_not_told_again_with_others() -> None:
    async with running() as world:
        await world.report("x", ends=1000)
        await world.settle()
        await world.resolve("x")
        await world.passes(10)
        await world.resolve("x")
        await world.report("y", ends=1000)
        await world.passes(10)

        assert world.told == [FIRES, ENDS, [("y", "firing")]]


async def test_an_end_in_a_quiet_time_is_told_after_it() -> None:
    async with running() as world:
        await world.report("x")
        await world.settle()
        quiet = Route(replace(OPTIONS, mute_time_intervals=("always",)))
        await world.manager.reload(replace(world.configuration, route=quiet))
        await world.resolve("x")
        await world.passes(10)
        assert world.told == [FIRES]
        group = next(iter(world.manager._groups))
        group.route = Route(OPTIONS)
        await world.passes(10)

        assert world.told == [FIRES, ENDS]


@pytest.mark.parametrize("quiet", ["silence", "time"])
async def test_an_end_is_told_after_days_of_quiet(quiet: str) -> None:
    async with running() as world:
        days = 3 * 86_400
        await world.report("x", ends=2 * days)
        await world.settle()
        if quiet == "silence":
            await world.silence("x", seconds=days + 3600)
        else:
            muted = Route(replace(OPTIONS, mute_time_intervals=("always",)))
            await world.manager.reload(replace(world.configuration, route=muted))
        await world.passes(days)
        world.manager.sweep()
        await world.restart()
        await world.resolve("x")
        await world.passes(10)
        next(iter(world.manager._groups)).route = Route(OPTIONS)
        await world.passes(10)

        assert world.told == [FIRES, ENDS]


async def test_outside_of_its_active_times_a_route_is_quiet() -> None:
    async with running(options=replace(OPTIONS, active_time_intervals=("later",))) as world:
        await world.report("x")
        await world.settle()

        assert world.told == []


async def test_a_restart_tells_nothing_twice_and_forgets_nothing() -> None:
    async with running() as world:
        await world.report("x", ends=100)
        await world.settle()
        await world.silence("y")
        await world.report("y", ends=100)
        await world.restart()
        await world.passes(10)
        assert world.told == [FIRES]
        assert [each.labels["alertname"] for each in world.manager.alerts()] == ["y", "x"]
        await world.resolve("x")
        await world.restart()
        await world.passes(10)

        assert world.told == [FIRES, ENDS]


async def test_what_a_stop_cuts_off_is_told_at_the_next_start_and_not_an_interval_later() -> None:
    async with running() as world:
        world.channel.hangs = True
        await world.report("x", ends=100)
        await world.until_tried()
        await world.restart()
        world.channel.hangs = False
        await world.restart()
        await world.settle()

        assert world.told == [FIRES]


async def test_what_was_told_before_a_restart_is_due_at_its_interval() -> None:
    async with running() as world:
        await world.report("x", ends=100)
        await world.settle()
        await world.restart()
        [group] = world.manager.groups()

        assert (group.due_us, group.has_flushed) == (10 * SECOND, True)


async def test_what_could_not_be_reported_while_nobody_listened_has_not_ended() -> None:
    async with running() as world:
        await world.report("x", ends=100)
        await world.settle()
        await world.manager.stop()
        world.time.us += 3600 * SECOND
        world.manager = world.opened()
        await world.manager.start()
        await world.passes(10)
        assert world.told == [FIRES]
        await world.passes(400)

        assert world.told == [FIRES, ENDS]


async def test_what_ended_before_the_restart_does_not_come_back() -> None:
    async with running() as world:
        await world.report("x", ends=100)
        await world.settle()
        await world.passes(110)
        await world.restart()
        await world.passes(10)

        assert world.told == [FIRES, ENDS]


async def test_a_failed_notification_is_made_at_the_next_interval() -> None:
    async with running() as world:
        world.channel.faults = [ChannelError("no")]
        await world.report("x")
        await world.settle()
        assert world.told == []
        await world.passes(10)

        assert world.told == [FIRES]
        assert world.manager.sender.numbers.failed == {"webhook": 1}


async def test_where_its_template_fails_a_group_is_told_in_brief_and_that_counts_as_failed() -> (
    None
):
    async with running() as world:
        world.channel.faults = [TemplateError("comes to over 1,048,576 characters")]
        await world.report("x", ends=100)
        await world.settle()
        await world.passes(10)

        assert world.told == [FIRES]
        assert world.channel.brief == [True]
        assert world.manager.sender.numbers.failed == {"webhook": 1}


@pytest.mark.parametrize("faults", [[TemplateError("a"), TemplateError("b")], [LookupError("c")]])
async def test_what_cannot_be_told_at_all_counts_as_failed_and_is_due_again(
    faults: list[Exception],
) -> None:
    async with running() as world:
        world.channel.faults = list(faults)
        await world.report("x", ends=100)
        await world.settle()
        assert world.told == []
        assert world.manager.sender.numbers.failed == {"webhook": 1}
        await world.passes(10)

        assert world.told == [FIRES]


async def test_a_receiver_that_was_down_is_told_the_end_of_what_it_knows() -> None:
    async with running() as world:
        await world.report("x")
        await world.settle()
        world.channel.faults = [ChannelError("down")]
        await world.resolve("x")
        await world.passes(10)
        await world.passes(10)

        assert world.told == [FIRES, ENDS]


async def test_what_is_invalid_is_refused_and_the_rest_is_taken_in() -> None:
    async with running() as world:
        good, bad = Report(labels={"alertname": "x"}), Report(labels={})
        with pytest.raises(InvalidAlertError):
            await world.manager.receive([bad, good])
        await world.settle()

        assert world.told == [FIRES]
        assert world.manager.counts.invalid == 1


async def test_more_alerts_than_may_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("event_system.alerting.manager.MAX_ALERTS", 1)
    async with running() as world:
        await world.report("x")
        await world.report("x")
        with pytest.raises(AlertingFullError):
            await world.report("y")


async def test_others_have_their_turn_while_very_many_alerts_are_taken_in() -> None:
    async with running() as world:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        many = [Report(labels={"alertname": "x", "n": str(n)}) for n in range(2_000)]
        await world.manager.receive(many)
        counting.cancel()

        assert turns >= 8
        assert len((await world.store.load()).alerts) == 2_000


async def test_what_another_call_takes_along_is_stored_before_the_answer() -> None:
    async with running() as world:
        world.store.go_on = asyncio.Event()
        first = asyncio.create_task(world.report("x"))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await world.store.asked.wait()
        second = asyncio.create_task(world.manager._book.write())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not second.done()
        world.store.go_on.set()
        await second
        await first

        assert len((await world.store.load()).alerts) == 1


async def test_a_silence_that_could_not_be_stored_is_not_promised() -> None:
    async with running() as world:
        world.store.fails = True
        with pytest.raises(StorageError):
            await world.silence("x")
        world.store.fails = False


async def test_what_has_ended_is_forgotten_in_the_end() -> None:
    async with running() as world:
        await world.report("x")
        await world.settle()
        await world.resolve("x")
        await world.passes(10)
        world.time.us += 130 * 3600 * SECOND
        world.manager.sweep()
        await world.manager._book.write()

        kept = await world.store.load()
        assert (kept.alerts, kept.entries, kept.timers) == ({}, {}, {})
