"""What alerting says of itself where it cannot do its work."""

from __future__ import annotations

import pytest

from event_system.alerting.trouble import trouble_of
from event_system.kernel.errors import ChannelError, StorageError
from tests.support.alerting_world import World, running


async def refusing_for(world: World, seconds: int) -> None:
    """A channel that refuses what is due; flushes come every ten seconds."""
    world.channel.faults = [ChannelError("no") for _ in range(100)]
    await world.report("Down", ends=3600)
    for _ in range(seconds // 10):
        await world.passes(10)


async def test_a_channel_that_refuses_for_five_minutes_is_named_until_it_takes_something() -> None:
    async with running() as world:
        await refusing_for(world, 290)
        assert world.manager.trouble() == ""
        await world.passes(10)
        await world.passes(10)
        told = world.manager.trouble()
        world.channel.faults = []
        await world.passes(10)

        assert told.startswith("team/webhook[0] fail for over 5 minutes")
        assert world.manager.trouble() == ""
        assert world.told == [[("Down", "firing")]]


async def test_a_channel_to_which_nothing_is_owed_any_more_is_no_trouble() -> None:
    async with running() as world:
        await refusing_for(world, 310)
        assert world.manager.trouble() != ""

        await world.silence("Down")
        await world.passes(10)

        assert world.manager.trouble() == ""


async def test_state_that_cannot_be_stored_is_a_trouble_until_it_is() -> None:
    async with running() as world:
        world.store.fails = True
        with pytest.raises(StorageError):
            await world.report("Down", ends=3600)
        told = world.manager.trouble()
        world.store.fails = False
        await world.silence("Other")

        assert told == "the state of alerts and silences cannot be stored"
        assert world.manager.trouble() == ""


def test_of_many_channels_some_are_named() -> None:
    told = trouble_of(is_stored=True, failing=[f"team/webhook[{number}]" for number in range(8)])

    assert told.startswith("team/webhook[0], ")
    assert "team/webhook[4] and 3 more fail" in told
