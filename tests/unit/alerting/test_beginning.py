"""What an alert said when it began, told with its end."""

from __future__ import annotations

import pytest

from event_system.alerting.beginning import MOST_UPDATES
from event_system.alerting.manager import Options
from event_system.alerting.reports import Report
from tests.support.alerting import NOW, SECOND
from tests.support.alerting_world import World, running

BEHAVIOUR = Options("http://alerts.example", keep_beginning=True)


async def says(world: World, value: str, *, starts: float = 0, ends: float = 100_000) -> None:
    """The alert `x` as its rule renders it with a value."""
    annotations = {"summary": "too much", "description": f"value {value}"}
    report = Report(
        labels={"alertname": "x"},
        annotations=annotations,
        starts_us=NOW + int(starts * SECOND),
        ends_us=world.time.us + int(ends * SECOND),
    )
    await world.manager.receive([report])


async def test_an_end_is_told_with_the_value_that_it_began_with_and_the_last_one() -> None:
    async with running(behaviour=BEHAVIOUR) as world:
        await says(world, "90")
        await world.settle()
        await world.passes(10)
        await says(world, "95")
        await world.restart()
        await says(world, "81", ends=0)
        await world.passes(10)

        assert world.told == [[("x", "firing")], [("x", "resolved")]]
        assert world.channel.annotations[-1] == {
            "summary": "too much",
            "description": "value 90",
            "description_at_end": "value 81",
        }


@pytest.mark.parametrize("behaviour", [BEHAVIOUR, Options("http://alerts.example")])
async def test_what_fires_is_told_as_it_is(behaviour: Options) -> None:
    async with running(behaviour=behaviour) as world:
        await says(world, "90")
        await says(world, "95")
        await world.settle()

        assert world.channel.annotations[-1]["description"] == "value 95"


async def test_one_that_begins_anew_begins_with_its_own_value() -> None:
    async with running(behaviour=BEHAVIOUR) as world:
        await says(world, "90")
        await says(world, "91", ends=0)
        await world.passes(10)
        await says(world, "70", starts=10)
        await world.passes(10)
        await says(world, "71", starts=10, ends=0)
        await world.passes(10)

        assert world.channel.annotations[-1]["description"] == "value 70"


async def test_later_values_are_updates_one_a_minute_the_last_ten() -> None:
    async with running(behaviour=BEHAVIOUR) as world:
        await says(world, "0")
        for second in range(30, 1801, 30):
            world.time.us += 30 * SECOND
            await says(world, str(second))
        await world.restart()
        [alert] = world.manager.alerts()

        assert (len(alert.updates), alert.update_count) == (MOST_UPDATES, 30)
        assert alert.updates[-1].annotations["description"] == "value 1800"
        spans = [b.us - a.us for a, b in zip(alert.updates, alert.updates[1:], strict=False)]
        assert set(spans) == {60 * SECOND}
        assert alert.fired["description"] == "value 0"


async def test_without_the_option_nothing_is_remembered() -> None:
    async with running() as world:
        await says(world, "90")
        world.time.us += 120 * SECOND
        await says(world, "95")
        [alert] = world.manager.alerts()

        assert (alert.fired, alert.updates) == ({}, ())
