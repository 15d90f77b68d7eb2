"""Alerts that start and end again and again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_system.alerting.explainer import by_fingerprint, explained
from event_system.alerting.fingerprints import fingerprint
from event_system.alerting.flapping import Flapping
from event_system.alerting.manager import Options
from event_system.alerting.telling import sentences
from tests.support.alerting import SECOND
from tests.support.alerting_world import OPTIONS, World, running

FLAPPING = Flapping(changes=4, window_us=60 * SECOND, steady_us=30 * SECOND)
BEHAVIOUR = Options("http://alerts.example", flapping=FLAPPING)
FIRES, ENDS = [("x", "firing")], [("x", "resolved")]
FOREVER = 1_000_000


async def flap(world: World, times: int) -> None:
    """So many starts and ends, a flush after each."""
    for _ in range(times):
        await world.resolve("x")
        await world.passes(10)
        await world.report("x", ends=FOREVER)
        await world.passes(10)


async def begin(world: World) -> None:
    await world.report("x", ends=FOREVER)
    await world.settle()


async def test_it_is_told_once_as_flapping_and_then_as_what_it_is() -> None:
    async with running(behaviour=BEHAVIOUR) as world:
        await begin(world)
        await flap(world, 2)
        assert world.told == [FIRES, ENDS, FIRES, ENDS, FIRES]
        assert world.channel.annotations[-1]["flapping"] == "4 changes in 1 min"
        await flap(world, 5)
        assert len(world.told) == 5
        await world.resolve("x")
        await world.passes(10)
        assert len(world.told) == 5
        await world.passes(20)

        assert world.told[5:] == [ENDS]
        assert "flapping" not in world.channel.annotations[-1]


async def test_that_one_which_fires_on_is_steady_is_told() -> None:
    async with running(behaviour=BEHAVIOUR) as world:
        await begin(world)
        await flap(world, 6)
        told = len(world.told)
        await world.passes(10)
        assert len(world.told) == told
        await world.passes(10)
        await world.passes(10)
        assert world.told[told:] == [FIRES]
        assert "flapping" not in world.channel.annotations[-1]
        await flap(world, 2)

        assert world.channel.annotations[-1]["flapping"].startswith("4 changes")


async def test_what_changes_seldom_does_not_flap() -> None:
    slow = replace(BEHAVIOUR, flapping=replace(FLAPPING, window_us=30 * SECOND))
    async with running(behaviour=slow) as world:
        await begin(world)
        await flap(world, 4)

        assert world.told == [FIRES, *[ENDS, FIRES] * 4]


async def test_it_is_explained_also_after_a_restart() -> None:
    async with running(behaviour=BEHAVIOUR) as world:
        await begin(world)
        await flap(world, 3)
        await world.restart()
        of = explained(
            world.manager, by_fingerprint(world.manager, fingerprint({"alertname": "x"}))
        )

        assert of.flapping >= 4
        assert "It flaps" in "\n".join(sentences(of, "en"))
        assert "抖动" in "\n".join(sentences(of, "zh"))


async def test_the_end_of_one_that_nobody_reports_any_more_counts() -> None:
    async with running(behaviour=BEHAVIOUR) as world:
        for _ in range(4):
            await world.report("x", ends=4)
            await world.passes(10)

        assert world.channel.annotations[-1]["flapping"].startswith("5 changes")


doings = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["fires", "ends"]), st.sampled_from("xy")),
        st.tuples(st.just("passes"), st.sampled_from(["1", "5", "10", "31"])),
        st.tuples(st.just("restart"), st.just("")),
        st.tuples(st.just("flap"), st.just("x")),
    ),
    max_size=15,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(doings, st.integers(2, 5), st.booleans())
def test_what_is_told_last_is_what_it_is_once_it_is_steady(
    what: list[tuple[str, str]], changes: int, grouped: bool
) -> None:
    async def run() -> None:
        behaviour = replace(BEHAVIOUR, flapping=replace(FLAPPING, changes=changes))
        options = replace(OPTIONS, group_by_all=not grouped)
        async with running(behaviour=behaviour, options=options) as world:
            for doing, which in what:
                match doing:
                    case "fires":
                        await world.report(which, ends=FOREVER)
                    case "ends" if world.manager.alert(fingerprint({"alertname": which})):
                        await world.resolve(which)
                    case "passes":
                        await world.passes(int(which))
                    case "restart":
                        await world.restart()
                    case "flap":
                        await flap(world, 1)
            for _ in range(5):
                await world.passes(10)
            last = {name: state for told in world.told for name, state in told}
            firing = {each.labels["alertname"] for each in world.manager.alerts()}
            assert {name for name, state in last.items() if state == "firing"} == firing

    asyncio.run(run())
