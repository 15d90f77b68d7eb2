from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from event_system.cli.client import Connection
from event_system.cli.looks import Looks
from event_system.events.ports import ListenerStatus
from event_system.kernel.errors import UnauthorizedError
from tests.support.command import command
from tests.support.delivery import feed
from tests.support.site import Site, serving


class Seconds:
    """A clock that goes on by two seconds at every look."""

    def __init__(self) -> None:
        self.now = 0.0

    def now_us(self) -> int:
        return 0

    def monotonic(self) -> float:
        self.now += 2.0
        return self.now


def status(name: str, lag: int = 0, **members: Any) -> ListenerStatus:
    known: dict[str, Any] = {
        "patterns": (">",),
        "mode": "async",
        "priority": 0,
        "filter": None,
        "timeout": 1.0,
        "batch": 0,
        "state": "running",
        **members,
    }
    return ListenerStatus(name=name, lag=lag, **known)


@pytest.fixture
def looks(site: Site) -> Iterator[Looks]:
    made = Looks(Connection(site.url), Seconds())
    yield made
    made.close()


async def test_rates_and_trends_come_from_two_looks(site: Site, looks: Looks) -> None:
    site.deliveries.statuses = [status("greet", 10, rate=1.5, error_rate=0.5), status("count", 4)]
    feed(site.log, 5)
    await asyncio.to_thread(looks.take)
    site.deliveries.statuses = [status("greet", 30, rate=2.5, error_rate=0.0), status("count", 0)]
    feed(site.log, 10)
    await asyncio.to_thread(looks.take)

    figures = looks.figures("lag")

    assert (figures["health"], figures["error"], figures["events"]) == ("ok", None, 15)
    assert figures["accepted_per_second"] == 5.0
    assert (figures["lag"], figures["lag_trend"], figures["per_second"]) == (30, 8.0, 2.5)
    greet, count = figures["listeners"]
    assert (greet["name"], greet["lag_trend"], greet["lags"]) == ("greet", 10.0, [10, 30])
    assert (count["name"], count["lag_trend"]) == ("count", -2.0)


@pytest.mark.parametrize(
    ("sort", "names"),
    [("name", "abc"), ("lag", "bca"), ("rate", "cab"), ("errors", "acb")],
)
async def test_listeners_are_sorted(site: Site, looks: Looks, sort: str, names: str) -> None:
    site.deliveries.statuses = [
        status("a", 1, rate=2.0, error_rate=3.0),
        status("b", 3, rate=1.0, error_rate=1.0),
        status("c", 2, rate=3.0, error_rate=2.0),
    ]
    await asyncio.to_thread(looks.take)

    assert [each["name"] for each in looks.figures(sort)["listeners"]] == list(names)


async def test_a_node_that_restarts_is_down_meanwhile() -> None:
    site = Site()
    async with serving(site):
        port = site.server.port
        site.deliveries.statuses = [status("greet", 10)]
        looks = Looks(Connection(site.url), Seconds())
        await asyncio.to_thread(looks.take)
    await asyncio.to_thread(looks.take)
    down = looks.figures()
    again = Site()
    again.deliveries.statuses = [status("greet", 0)]
    async with serving(again, port):
        await asyncio.to_thread(looks.take)
        up = looks.figures()
    looks.close()

    assert (down["health"], down["accepted_per_second"]) == ("down", 0.0)
    assert down["error"]
    assert [(each["name"], each["lag"]) for each in down["listeners"]] == [("greet", 10)]
    assert (up["health"], up["error"]) == ("ok", None)
    assert up["listeners"][0]["lags"] == [10, 0]


async def test_a_wrong_key_ends_it(site: Site) -> None:
    site.keys = {b"esk_1": "game"}

    done = await command(site, "top", "--once")

    assert isinstance(done.error, UnauthorizedError)


async def test_once_shows_the_node_and_its_listeners(site: Site) -> None:
    site.deliveries.statuses = [status("greet", 1200, last_error="ValueError: no")]

    done = await command(site, "top", "--once", "--interval", "0.1")

    assert done.code == 0
    assert "ok" in done.out.splitlines()[0]
    assert "lag 1,200 (+0.0/s)" in done.out
    row = next(line.split() for line in done.out.splitlines() if line.startswith("greet"))
    assert row[:4] == ["greet", "async", "running", "1,200"]
    assert row[-2:] == ["ValueError:", "no"]


async def test_once_as_json_is_one_object(site: Site) -> None:
    feed(site.log, 3)

    done = await command(site, "top", "--once", "--json", "--interval", "0.1")

    assert done.json["events"] == 3
    assert done.json["listeners"] == []


async def test_an_unknown_sort_is_used_wrongly(site: Site) -> None:
    assert (await command(site, "top", "--sort", "colour")).code == 2
