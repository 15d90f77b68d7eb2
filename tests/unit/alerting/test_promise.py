"""Whoever was told a beginning is told the end, once, whatever comes in between."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_system.alerting.fingerprints import fingerprint
from event_system.alerting.intervals import Span, TimeInterval
from event_system.kernel.errors import ChannelError
from tests.support.alerting_world import OPTIONS, World, running

FOREVER = 1_000_000
NAMES = ("root", "leaf")
LUNCH = {"lunch": (TimeInterval(times=(Span(12 * 60 + 1, 12 * 60 + 3),)),)}  # it is 12:00

names = st.sampled_from(NAMES)
doings = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["fires", "ends", "silence"]), names),
        st.tuples(st.sampled_from(["expire", "restart", "fault", "reload"]), st.just("")),
        st.tuples(st.just("passes"), st.sampled_from(["1", "10", "40", "61"])),
    ),
    min_size=5,
    max_size=20,
)


async def do(world: World, what: str, which: str, silences: list[str]) -> None:
    match what:
        case "fires":
            await world.report(which, ends=FOREVER)
        case "ends" if world.manager.alert(fingerprint({"alertname": which})):
            await world.resolve(which)
        case "silence":
            silences.append(await world.silence(which, seconds=FOREVER))
        case "expire" if silences:
            await world.manager.expire_silence(silences.pop())
        case "restart":
            await world.restart()
        case "reload":
            await world.manager.reload(world.configuration)
        case "fault":
            world.channel.faults = [ChannelError("down")]
        case "passes":
            await world.passes(int(which))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(doings, st.booleans(), st.booleans())
def test_each_beginning_that_was_told_is_followed_by_one_end(
    what: list[tuple[str, str]], has_lunch: bool, alone: bool
) -> None:
    async def run() -> None:
        quiet = ("lunch",) if has_lunch else ()
        options = replace(OPTIONS, mute_time_intervals=quiet, group_by_all=alone)
        async with running(options=options) as world:
            world.configuration = replace(world.configuration, intervals=LUNCH)
            await world.manager.reload(world.configuration)
            silences: list[str] = []
            for doing, which in what:
                await do(world, doing, which, silences)
                await world.settle()
            world.channel.faults = []
            for name in NAMES:
                await do(world, "ends", name, silences)
            await world.passes(200)
            for _ in range(3):
                await world.passes(10)
            states = [(name, state) for told in world.told for name, state in told]
            for name in NAMES:
                of_name = [state for each, state in states if each == name]
                assert of_name[-1:] in ([], ["resolved"]), "an end is owed"
                twice = pairwise(of_name)
                assert ("resolved", "resolved") not in twice, "an end is told twice"

    asyncio.run(run())
