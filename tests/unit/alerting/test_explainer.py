"""What is explained is what then happens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_system.alerting.alert import Alert
from event_system.alerting.explainer import by_fingerprint, explained, found
from event_system.alerting.explaining import ChannelView, Explanation, HeldBack
from event_system.alerting.fingerprints import fingerprint
from event_system.alerting.intervals import Span, TimeInterval, changes, containing
from event_system.alerting.limits import RateLimit
from event_system.alerting.matchers import parse_matchers
from event_system.alerting.reports import Report
from event_system.alerting.routes import Route
from event_system.alerting.telling import Language, sentences
from event_system.kernel.clock import to_us
from event_system.kernel.errors import AlertNotFoundError, AmbiguousAlertError, ChannelError
from tests.support.alerting import NOW, SECOND
from tests.support.alerting_world import OPTIONS, World, running
from tests.support.waiting import until as eventually

FOREVER = 1_000_000
NAMES = ("root", "leaf", "x")

names = st.sampled_from(NAMES)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("fires"), names),
        st.tuples(st.just("ends"), names),
        st.tuples(st.just("silence"), names),
        st.tuples(st.just("expire"), st.just("")),
        st.tuples(st.just("passes"), st.integers(1, 25).map(str)),
        st.tuples(st.just("restart"), st.just("")),
    ),
    max_size=12,
)


async def play(world: World, doings: list[tuple[str, str]]) -> None:
    silences: list[str] = []
    for what, which in doings:
        match what:
            case "fires":
                await world.report(which, ends=FOREVER)
            case "ends":
                await world.resolve(which)
            case "silence":
                silences.append(await world.silence(which, seconds=35))
            case "expire" if silences:
                await world.manager.expire_silence(silences.pop())
            case "passes":
                await world.passes(int(which))
            case "restart":
                await world.restart()
    await world.settle()


def view_of(world: World, alert: Alert) -> tuple[int, ChannelView] | None:
    """When the group is looked at next, and what its channel is to be told."""
    [*groups] = explained(world.manager, alert).groups
    return (groups[0].flush_us, groups[0].channels[0]) if groups else None


async def until(world: World, at_us: int) -> int:
    """How many notifications come by this moment."""
    before = len(world.told)
    await world.passes((at_us - world.time.us) / SECOND)
    return len(world.told) - before


async def compare(doings: list[tuple[str, str]], world: World) -> None:
    await play(world, doings)
    for alert in list(world.manager._alerts):
        if (view := view_of(world, alert)) is None:
            continue
        flush_us, channel = view
        next_ = channel.next
        told = await until(world, flush_us)
        assert told == channel.flush_sends
        if next_ is None:
            assert await until(world, world.time.us + 10 * SECOND) == 0
            continue
        while world.time.us < next_.us:
            assert told == 0, "told before it was due"
            flush_us = view_of(world, alert)[0]  # type: ignore[index]
            told = await until(world, flush_us + 1)  # a timer is never early
        assert (world.time.us, told) == (next_.us, 1)
        assert (alert.labels["alertname"] in dict(world.told[-1])) == next_.has_alert


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps, st.booleans(), st.booleans(), st.sampled_from([15, 20, 45]))
def test_what_is_said_of_the_next_flush_and_notification_is_what_happens(
    doings: list[tuple[str, str]], send_resolved: bool, keep_promise: bool, repeat: int
) -> None:
    async def run() -> None:
        options = replace(OPTIONS, repeat_interval_us=repeat * SECOND)
        async with running(
            options=options, send_resolved=send_resolved, keep_promise=keep_promise
        ) as world:
            await compare(doings, world)

    asyncio.run(run())


async def explain(world: World, name: str) -> Explanation:
    return explained(world.manager, by_fingerprint(world.manager, fingerprint({"alertname": name})))


async def test_what_mutes_an_alert_is_named() -> None:
    async with running() as world:
        await world.report("root", ends=FOREVER)
        await world.report("leaf", ends=FOREVER)
        id_ = await world.silence("leaf", seconds=60)
        await world.settle()
        of = await explain(world, "leaf")

        [silence] = of.silenced_by
        assert (silence.id, silence.created_by, silence.ends_us) == (id_, "ops", NOW + 60 * SECOND)
        assert of.inhibited_by is not None
        assert of.inhibited_by.fingerprint == fingerprint({"alertname": "root"})
        assert of.inhibited_by.source_matchers == '{alertname="root"}'
        told = "\n".join(sentences(of, "en"))
        assert f"silenced by {id_} of ops until 2026-11-21T12:01:00.000Z" in told
        assert "静默" in "\n".join(sentences(of, "zh"))


async def test_routes_are_told_with_the_values_that_were_compared() -> None:
    async with running() as world:
        below = Route(OPTIONS, parse_matchers('severity="critical"'), id="{}/a/0")
        taken = Route(OPTIONS, parse_matchers('alertname=~"x|y"'), id="{}/b/1")
        root = Route(OPTIONS, routes=(below, taken))
        await world.manager.reload(replace(world.configuration, route=root))
        await world.report("x", ends=FOREVER)
        of = await explain(world, "x")

        assert [(each.matches, each.takes) for each in of.routes] == [
            (True, False),
            (False, False),
            (True, True),
        ]
        [compared] = of.routes[1].matchers
        assert (compared.matcher, compared.value, compared.holds) == (
            'severity="critical"',
            "",
            False,
        )


async def test_a_quiet_time_is_told_and_the_notification_after_it() -> None:
    night = TimeInterval(times=(Span(0, 12 * 60 + 5),))  # until 12:05; it is 12:00
    options = replace(OPTIONS, mute_time_intervals=("night",))
    async with running(options=options) as world:
        world.configuration = replace(world.configuration, intervals={"night": (night,)})
        await world.manager.reload(world.configuration)
        await world.report("x", ends=FOREVER)
        await world.settle()
        of = await explain(world, "x")

        [group] = of.groups
        [channel] = group.channels
        assert group.quiet_time is not None
        assert group.quiet_time.intervals == ("night",)
        assert channel.flush_reason == "quiet_time"
        assert channel.next is not None
        assert 0 <= channel.next.us - (NOW + 300 * SECOND) < SECOND
        assert await until(world, channel.next.us - 11 * SECOND) == 0
        assert await until(world, channel.next.us) == 1


async def test_a_channel_that_fails_is_told_with_its_error() -> None:
    async with running() as world:
        world.channel.faults = [ChannelError("no such robot")]
        await world.report("x", ends=FOREVER)
        await world.settle()
        [group] = (await explain(world, "x")).groups
        failing = group.channels[0].failing
        assert failing is not None
        assert (failing.since_us, failing.error) == (NOW, "no such robot")
        await world.passes(10)
        [group] = (await explain(world, "x")).groups

        assert group.channels[0].failing is None


async def test_labels_that_no_alert_has_are_explained_as_though_it_began_now() -> None:
    async with running(options=replace(OPTIONS, group_wait_us=30 * SECOND)) as world:
        of = explained(world.manager, found(world.manager, {"alertname": "new"}))

        assert of.state == "unknown"
        [group] = of.groups
        assert group.flush_us == NOW + 30 * SECOND
        assert group.channels[0].flush_sends
        assert world.manager.groups() == []


async def test_labels_that_several_alerts_have_name_these() -> None:
    async with running() as world:
        for number in ("1", "2"):
            labels = {"alertname": "x", "n": number}
            await world.manager.receive([Report(labels=labels)])
        with pytest.raises(AmbiguousAlertError) as raised:
            found(world.manager, {"alertname": "x"})
        assert fingerprint({"alertname": "x", "n": "2"}) in raised.value.detail
        assert found(world.manager, {"n": "2"}).labels["n"] == "2"
        with pytest.raises(AlertNotFoundError):
            by_fingerprint(world.manager, "0" * 16)


ZONES = st.sampled_from(["UTC", "Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe"])
MINUTES = st.integers(0, 1439)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(
    ZONES.map(ZoneInfo),
    st.lists(st.tuples(MINUTES, MINUTES).map(sorted), max_size=2),
    st.sampled_from([(), (Span(0, 0),), (Span(2, 4),)]),
    st.sampled_from(["2026-03-27", "2026-10-23", "2026-04-03", "2026-06-01"]),
)
def test_between_the_edges_of_intervals_nothing_changes(
    zone: ZoneInfo, times: list[list[int]], weekdays: tuple[Span, ...], day: str
) -> None:
    """Over four days around the turns of the clock's hands, minute by minute."""
    spans = tuple(Span(first, last) for first, last in times)
    intervals = {"i": (TimeInterval(times=spans, weekdays=weekdays, zone=zone),)}
    first_us = to_us(datetime.fromisoformat(f"{day}T00:00:00+00:00"))
    edges = set(changes(intervals, ["i"], first_us, days=7))

    minutes = range(first_us, first_us + 4 * 86_400 * SECOND, 60 * SECOND)
    holds = [containing(intervals, ["i"], us) for us in minutes]
    turned = {
        us for us, before, now in zip(minutes[1:], holds, holds[1:], strict=False) if before != now
    }
    assert turned <= edges


def said(world: World, name: str, language: Language = "en") -> list[str]:
    return sentences(explained(world.manager, found(world.manager, {"alertname": name})), language)


async def test_what_a_limit_holds_back_is_told() -> None:
    async with running(limit=RateLimit(1, 60.0)) as world:
        await world.report("x", ends=FOREVER)
        await world.settle()
        assert "webhook[0] is held back until 2026-11-21T12:01:00.000Z" in " ".join(
            said(world, "x")
        )
        await world.report("late", ends=FOREVER)
        world.time.us += 10 * SECOND
        world.manager._wake.set()
        await eventually(lambda: "1 notification waits" in " ".join(said(world, "late")))
        english, chinese = said(world, "late"), said(world, "late", "zh")
        [held] = [each.held for each in explained_channels(world, "late")]

    limit = "webhook[0] is held back until 2026-11-21T12:01:00.000Z: its limit of 1/min is used up."
    assert english[english.index(limit) + 1] == "1 notification waits for it (with this alert)."
    assert "webhook[0] 在 2026-11-21T12:01:00.000Z 之前暂缓发送：限速 1/min 已用完。" in chinese
    assert held == HeldBack(NOW + 60 * SECOND, "1/min", 1, has_alert=True)


async def test_a_channel_that_asks_to_be_left_alone_is_told() -> None:
    async with running() as world:
        world.channel.faults = [ChannelError("slow", may_pass=True, wait_seconds=30)]
        await world.report("x", ends=FOREVER)
        await world.until_tried()
        until_us = "2026-11-21T12:00:30.000Z"
        told = f"webhook[0] is held back until {until_us}: it has asked to be left alone."

        await eventually(lambda: told in said(world, "x"))


def explained_channels(world: World, name: str) -> list[ChannelView]:
    [group] = explained(world.manager, found(world.manager, {"alertname": name})).groups
    return list(group.channels)
