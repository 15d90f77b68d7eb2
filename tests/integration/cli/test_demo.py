from __future__ import annotations

import asyncio
from collections import Counter

from event_system.events.ports import ListenerStatus
from event_system.kernel.errors import ServerUnreachableError, StorageError
from tests.support.command import command
from tests.support.site import Site
from tests.support.waiting import until

SHORT = ("demo", "--players", "4", "--seconds", "0.5", "--rate", "100")


async def test_the_demo_plays_a_whole_game(site: Site) -> None:
    done = await command(site, *SHORT, "--json")

    played = Counter(row[5] for row in site.log.rows)
    assert done.code == 0
    assert done.json["accepted"] == len(site.log.rows) == 50
    assert done.json["by_type"] == dict(sorted(played.items()))
    assert (played["player.login"], played["player.logout"]) == (4, 4)
    assert (played["activity.start"], played["activity.end"]) == (1, 1)
    assert done.json["refused"] == {}
    assert done.json["answer_ms"]["p99"] >= done.json["answer_ms"]["p50"]


async def test_the_demo_shows_people_what_came_of_it(site: Site) -> None:
    site.deliveries.statuses = [
        ListenerStatus("greet", ("a",), "sync", 0, None, 1.0, 0, "running", handled=7)
    ]

    done = await command(site, *SHORT)

    assert "50 events in" in done.out
    assert "player.level_up" in done.out
    assert "greet" in done.out


async def test_what_the_node_refuses_is_counted(site: Site) -> None:
    site.log.failure = StorageError()

    done = await command(site, *SHORT, "--json")

    assert done.code == 0
    assert done.json["refused"] == {"503 storage.failed": 50}


async def test_a_node_that_goes_away_ends_the_game(site: Site) -> None:
    playing = asyncio.create_task(command(site, "demo", "--seconds", "60"))
    await until(lambda: len(site.log.rows) > 10)

    await site.server.stop(0.0)

    assert isinstance((await playing).error, ServerUnreachableError)
