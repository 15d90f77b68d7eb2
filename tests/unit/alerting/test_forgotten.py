"""Silences that somebody should think of."""

from __future__ import annotations

from event_system.alerting.forgotten import Reminders
from event_system.alerting.manager import Options
from event_system.alerting.silences import FORGOTTEN
from tests.support.alerting import SECOND
from tests.support.alerting_world import World, running

HOUR, DAY = 3600, 86_400
BEHAVIOUR = Options(
    "http://alerts.example",
    reminders=Reminders(muting_us=DAY * SECOND, ending_us=HOUR * SECOND, idle_us=7 * DAY * SECOND),
)
FOREVER = 100 * DAY


async def causes(world: World) -> set[str]:
    """Of all that is reported now."""
    reminding = world.manager._reminding
    assert reminding is not None
    await world.manager.remind(reminding)
    await world.settle()
    found = (each.labels for each in world.manager.alerts())
    return {labels["cause"] for labels in found if labels["alertname"] == FORGOTTEN}


async def test_one_that_hides_a_fire_for_long_is_told_of() -> None:
    async with running(behaviour=BEHAVIOUR) as world:
        id_ = await world.silence("x", seconds=FOREVER)
        await world.report("x", ends=FOREVER)
        assert await causes(world) == set()
        await world.passes(DAY - 1)
        assert await causes(world) == set()
        await world.passes(1)
        assert await causes(world) == {"muting"}

        [alert] = [each for each in world.manager.alerts() if "cause" in each.labels]
        assert (alert.labels["owner"], alert.labels["silence"]) == ("ops", id_)
        assert id_ in alert.annotations["summary"]
        assert "静默" in alert.annotations["summary_zh"]
        await world.passes(10)
        assert [(FORGOTTEN, "firing")] in world.told


async def test_time_is_counted_from_when_it_began_to_hide_something() -> None:
    async with running(behaviour=BEHAVIOUR) as world:
        await world.silence("x", seconds=FOREVER)
        await world.report("x", ends=FOREVER)
        await causes(world)
        await world.resolve("x")
        await world.passes(DAY)
        assert await causes(world) == set()
        await world.report("x", ends=FOREVER)
        await causes(world)
        await world.restart()
        await world.passes(DAY)

        assert await causes(world) == {"muting"}


async def test_one_that_ends_while_something_still_fires_is_told_of() -> None:
    async with running(behaviour=BEHAVIOUR) as world:
        await world.silence("x", seconds=4 * HOUR)
        await world.silence("y", seconds=4 * HOUR)
        await world.report("x", ends=FOREVER)
        await causes(world)
        await world.passes(3 * HOUR)

        assert await causes(world) == {"ending"}
        assert sum("cause" in each.labels for each in world.manager.alerts()) == 1


async def test_a_short_one_needs_no_reminder_of_its_end() -> None:
    async with running(behaviour=BEHAVIOUR) as world:
        await world.silence("x", seconds=HOUR)
        await world.report("x", ends=FOREVER)

        assert await causes(world) == set()


async def test_one_that_hides_nothing_for_days_is_told_of_until_it_ends() -> None:
    async with running(behaviour=BEHAVIOUR) as world:
        id_ = await world.silence("x", seconds=FOREVER)
        await causes(world)
        await world.passes(7 * DAY)
        assert await causes(world) == {"idle"}
        await world.manager.expire_silence(id_)
        await world.passes(301)

        assert await causes(world) == set()
        assert world.told == [[(FORGOTTEN, "firing")], [(FORGOTTEN, "resolved")]]
        await world.manager._book.write()
        assert (await world.store.load()).notes == {}


async def test_a_silence_of_everything_does_not_hide_what_is_said_of_it() -> None:
    async with running(behaviour=BEHAVIOUR) as world:
        await world.silence(FORGOTTEN, seconds=FOREVER)
        await causes(world)
        await world.passes(7 * DAY)

        assert await causes(world) == {"idle"}
        assert world.told == [[(FORGOTTEN, "firing")]]
