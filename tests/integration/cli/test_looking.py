from __future__ import annotations

import asyncio
import json
import threading

import pytest

from event_system.cli.client import Connection
from event_system.cli.following import Follower
from event_system.events.ports import Delivery, DeliveryFilter, Filter, ListenerStatus
from event_system.kernel.errors import (
    EventNotFoundError,
    InvalidPatternError,
    InvalidQueryError,
    ListenerNotFoundError,
    ServerUnreachableError,
)
from tests.support.command import command
from tests.support.delivery import feed
from tests.support.site import Site, serving
from tests.support.waiting import PATIENCE_SECONDS, until


async def test_events_are_listed_newest_first(site: Site) -> None:
    feed(site.log, 3)

    done = await command(site, "events", "list", "--limit", "2")

    lines = done.out.splitlines()
    assert [line.split()[1] for line in lines[:2]] == ["3", "2"]
    assert lines[2].startswith("more: --cursor ")
    rest = await command(site, "events", "list", "--limit", "2", "--cursor", lines[2].split()[-1])
    assert [line.split()[1] for line in rest.out.splitlines()] == ["1"]


async def test_filters_reach_the_node(site: Site) -> None:
    feed(site.log, 6)

    done = await command(
        site,
        *("events", "list", "--json", "--type", "player.*", "--subject", "s1", "--source", "game"),
        *("--since", "1970-01-01T00:00:00Z", "--until", "now", "--order", "oldest"),
        *("--fields", "offset"),
    )

    assert done.json == {"events": [{"offset": 1}, {"offset": 6}], "next": None}


async def test_conditions_on_data_reach_the_node(site: Site) -> None:
    for level in (3, 12, 30):
        await site.trigger(data={"level": level})
    conditions = ("--where", "data.level>10", "--where", "data.level<20")

    listed = await command(site, "events", "list", *conditions)
    followed = await command(site, "events", "tail", "--after", "0", "-n", "1", *conditions)

    assert [line.split()[1] for line in listed.out.splitlines()] == ["2"]
    assert [line.split()[1] for line in followed.out.splitlines()] == ["2"]


async def test_a_long_search_is_followed_until_the_page_is_full(site: Site) -> None:
    for level in range(9):
        await site.trigger(data={"level": level})
    site.history.stride = 1
    conditions = ("--where", "data.level<4", "--limit", "3")

    done = await command(site, "events", "list", "--json", *conditions)
    last = await command(
        site, "events", "list", "--json", *conditions, "--cursor", done.json["next"]
    )

    assert [event["offset"] for event in done.json["events"]] == [4, 3, 2]
    assert [event["offset"] for event in last.json["events"]] == [1]
    assert last.json["next"] is None


async def test_a_status_reaches_the_node(site: Site) -> None:
    feed(site.log, 1)
    site.deliveries.found = await site.history.find(
        Filter(), limit=1, newest_first=True, cursor=None
    )

    done = await command(site, "events", "list", "--status", "pending", "--listener", "greet")
    wrong = await command(site, "events", "list", "--status", "lost")
    alone = await command(site, "events", "list", "--listener", "greet")

    assert [line.split()[1] for line in done.out.splitlines()] == ["1"]
    (asked,) = site.deliveries.asked
    assert asked[1] == DeliveryFilter(status="pending", listener="greet")
    assert isinstance(wrong.error, InvalidQueryError)
    assert "known are handled, pending, skipped, retrying, dead" in wrong.error.detail
    assert isinstance(alone.error, InvalidQueryError)
    assert alone.error.where == "listener"


async def test_fields_without_json_are_used_wrongly(site: Site) -> None:
    done = await command(site, "events", "list", "--fields", "id")

    assert done.code == 2


async def test_one_event_is_shown_with_its_deliveries(site: Site) -> None:
    await site.trigger("player.login", id="a/b", subject="Mo", data={"n": 1})
    site.deliveries.deliveries = [Delivery("greet", "async", "retrying", "ValueError: no", 1)]

    done = await command(site, "events", "show", "a/b")

    assert done.code == 0
    assert "player.login" in done.out
    assert '"n": 1' in done.out
    assert "greet" in done.out
    assert "ValueError: no" in done.out
    as_json = (await command(site, "events", "show", "a/b", "--json")).json
    assert as_json["deliveries"][0]["state"] == "retrying"


async def test_an_unknown_event_or_listener_is_an_error(site: Site) -> None:
    event = await command(site, "events", "show", "nothing")
    listener = await command(site, "listeners", "show", "nobody")

    assert (event.code, type(event.error)) == (1, EventNotFoundError)
    assert (listener.code, type(listener.error)) == (1, ListenerNotFoundError)


def _status(name: str) -> ListenerStatus:
    return ListenerStatus(
        name=name,
        patterns=("player.*", "activity.>"),
        mode="async",
        priority=0,
        filter=None,
        timeout=30.0,
        batch=0,
        state="running",
        handled=40,
        rate=2.5,
        lag=3,
        cursors={10: 7, 9: 6},
    )


async def test_listeners_are_listed_and_shown(site: Site) -> None:
    site.deliveries.statuses = [_status("game.greet")]

    listed = await command(site, "listeners", "list")
    shown = await command(site, "listeners", "show", "game.greet")
    as_json = await command(site, "listeners", "show", "game.greet", "--json")

    assert "player.* activity.>" in listed.out
    assert [line.split() for line in shown.out.splitlines()][-2:] == [["9", "6"], ["10", "7"]]
    assert as_json.json["cursors"] == {"9": 6, "10": 7}
    assert (await command(site, "listeners", "list", "--json")).json["listeners"]


async def test_a_tail_shows_the_past_it_was_asked_for_and_then_the_present(site: Site) -> None:
    feed(site.log, 3)
    arguments = ("events", "tail", "--json", "--after", "1", "--count", "4")
    running = asyncio.create_task(command(site, *arguments))
    await until(lambda: bool(site.tail._live))
    feed(site.log, 5)

    done = await running

    assert [json.loads(line)["offset"] for line in done.out.splitlines()] == [2, 3, 4, 5]
    await until(lambda: site.tail.streams == 0)


async def test_a_tail_for_people_is_one_line_an_event(site: Site) -> None:
    feed(site.log, 1)

    done = await command(site, "events", "tail", "--after", "0", "-n", "1")

    assert done.out.split()[1:4] == ["1", "player.login", "s1"]


async def test_a_tail_that_the_node_refuses_ends(site: Site) -> None:
    done = await command(site, "events", "tail", "--type", "a..b")

    assert (done.code, type(done.error)) == (1, InvalidPatternError)


async def test_a_tail_survives_a_restart_without_loss_or_duplicate() -> None:
    first = Site()
    seen: list[int] = []
    notices: list[str] = []
    back = threading.Event()

    def pause(seconds: float) -> None:
        assert back.wait(PATIENCE_SECONDS)

    async with serving(first):
        port = first.server.port
        follower = Follower(
            Connection(first.url),
            {},
            lambda event: seen.append(event["offset"]),
            notices.append,
            pause=pause,
        )
        following = asyncio.create_task(asyncio.to_thread(follower.run, count=6))
        await until(lambda: bool(first.tail._live))
        feed(first.log, 2)
        await until(lambda: seen == [1, 2])
    second = Site()
    feed(second.log, 4)  # the log as it is after two more
    async with serving(second, port):
        back.set()
        await until(lambda: bool(second.tail._live))
        feed(second.log, 2)
        await following

    assert seen == [1, 2, 3, 4, 5, 6]
    assert len(notices) >= 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("trigger", "a"),
        ("events", "list"),
        ("events", "show", "x"),
        ("events", "tail"),
        ("listeners", "list"),
        ("demo",),
    ],
)
async def test_where_no_node_answers_the_command_says_so(arguments: tuple[str, ...]) -> None:
    async with serving(Site()) as site:
        pass  # its port is free again

    done = await command(site, *arguments)

    assert (done.code, type(done.error)) == (1, ServerUnreachableError)
    assert site.url in str(done.error)


async def test_an_address_of_something_else_is_no_node(site: Site) -> None:
    site.history.failure = RuntimeError("boom")
    foreign = Connection(site.url)

    with pytest.raises(ServerUnreachableError):
        await asyncio.to_thread(foreign.get, "/docs")
