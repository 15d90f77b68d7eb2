"""Events for later over HTTP, on both ways that a request can take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from event_system.events.event import Event
from event_system.events.listener import listener, listeners_of
from event_system.kernel.errors import StorageError
from tests.support.site import Site, serving

TRIGGER, BATCH, SCHEDULED = "/api/events/trigger", "/api/events/batch", "/api/scheduled"


@listener("guild.>", name="greet", mode="sync")
async def greet(event: Event) -> str:
    return f"hello {event.id}"


@pytest.fixture(params=["application", "protocol"])
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    listeners = listeners_of(greet)
    async with serving(Site(listeners, fast=request.param == "protocol")) as running:
        yield running


def ahead(**delta: int) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


async def wait_for(client: httpx.AsyncClient, id_: str, when: str, **members: Any) -> None:
    event = {"type": "auction.end", "id": id_, "deliver_at": when, **members}
    answer = await client.post(TRIGGER, json=event)
    assert answer.status_code == 200, answer.text


async def test_an_event_for_later_is_told_its_time_instead_of_an_offset(
    site: Site, client: httpx.AsyncClient
) -> None:
    event = {"type": "auction.end", "id": "a", "deliver_at": ahead(hours=1)}

    first, second = [(await client.post(TRIGGER, json=event)).json() for _ in range(2)]

    told = {"id": "a", "offset": 0, "deliver_at": event["deliver_at"]}
    assert first == {**told, "duplicate": False}
    assert second == {**told, "duplicate": True}
    assert site.log.rows == []


async def test_a_time_in_the_past_is_now(client: httpx.AsyncClient) -> None:
    event = {"type": "guild.war.end", "id": "a", "deliver_at": ahead(hours=-1)}

    answer = (await client.post(TRIGGER, json=event)).json()

    assert (answer["offset"], answer["results"][0]["result"]) == (1, "hello a")
    assert "deliver_at" not in answer


async def test_a_cloudevent_carries_its_time_as_an_extension(client: httpx.AsyncClient) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "a", "ce-source": "s", "ce-type": "auction.end"}
    when = ahead(days=2)

    answer = await client.post(TRIGGER, headers={**headers, "ce-deliverat": when})
    waiting = (await client.get(SCHEDULED)).json()["events"][0]

    assert answer.json()["deliver_at"] == when
    assert (waiting["deliver_at"], waiting["deliverat"], waiting["time"]) == (when, when, when)


@pytest.mark.parametrize(
    ("event", "where"),
    [
        ({"deliver_at": "tomorrow"}, "$.deliver_at"),
        ({"deliver_at": "2027-01-01T00:00:00"}, "$.deliver_at"),
        ({"deliver_at": "9999-01-01T00:00:00Z"}, "$.deliver_at"),
        ({"specversion": "1.0", "id": "a", "source": "s", "deliverat": "soon"}, "$.deliverat"),
        ({"specversion": "1.0", "id": "a", "source": "s", "deliverat": 5}, "$.deliverat"),
        (
            {"specversion": "1.0", "id": "a", "source": "s", "deliverat": "9999-01-01T00:00:00Z"},
            "$.deliverat",
        ),
    ],
)
async def test_an_impossible_time_is_refused(
    client: httpx.AsyncClient, event: dict[str, str], where: str
) -> None:
    answer = await client.post(TRIGGER, json={"type": "auction.end", **event})

    assert (answer.status_code, answer.json()["code"]) == (400, "event.invalid")
    assert answer.json()["where"] == where


async def test_a_batch_mixes_now_and_later(site: Site, client: httpx.AsyncClient) -> None:
    when = ahead(hours=1)
    batch = [
        {"type": "auction.end", "id": "later", "deliver_at": when},
        {"type": "guild.join", "id": "now"},
        {"type": "auction.end", "id": "later", "deliver_at": ahead(hours=2)},
    ]

    answer = (await client.post(BATCH, json=batch)).json()

    assert (answer["accepted"], answer["duplicates"]) == (2, 1)
    later, now, again = answer["events"]
    assert later == {"id": "later", "offset": 0, "duplicate": False, "deliver_at": when}
    assert (now["offset"], now["results"][0]["result"]) == (1, "hello now")
    assert (again["duplicate"], again["deliver_at"]) == (True, when)


async def test_a_batch_with_a_fault_keeps_nothing_for_later(
    site: Site, client: httpx.AsyncClient
) -> None:
    batch = [{"type": "a", "deliver_at": ahead(hours=1)}, {"type": "b", "deliver_at": "never"}]

    refused = await client.post(BATCH, json=batch)
    waiting = (await client.get(SCHEDULED)).json()

    assert refused.json()["faults"][0]["where"] == "$.deliver_at"
    assert waiting == {"events": [], "next": None}


async def test_what_cannot_be_stored_is_told(site: Site, client: httpx.AsyncClient) -> None:
    site.delayed_store.failure = StorageError("the disk is full")

    one = await client.post(TRIGGER, json={"type": "a", "deliver_at": ahead(hours=1)})
    many = await client.post(BATCH, json=[{"type": "a", "deliver_at": ahead(hours=1)}])

    assert [answer.status_code for answer in (one, many)] == [503, 503]


async def test_waiting_events_come_in_pages(client: httpx.AsyncClient) -> None:
    for n in range(5):
        await wait_for(client, f"e{n}", ahead(hours=9 - n), subject="s" if n % 2 else None)
    found: list[str] = []
    query: dict[str, Any] = {"limit": 2, "type": "auction.*"}
    while True:
        page = (await client.get(SCHEDULED, params=query)).json()
        found += [event["id"] for event in page["events"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]

    assert found == ["e4", "e3", "e2", "e1", "e0"]
    only = (await client.get(SCHEDULED, params={"subject": "s", "until": ahead(hours=7)})).json()
    assert [event["id"] for event in only["events"]] == ["e3"]


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "MQ~MQ"}, "cursor"),
        ({"since": "later"}, "since"),
        ({"order": "newest"}, "order"),
    ],
)
async def test_a_wrong_query_is_refused(
    client: httpx.AsyncClient, query: dict[str, str], where: str
) -> None:
    answer = await client.get(SCHEDULED, params=query)

    assert (answer.status_code, answer.json()["where"]) == (400, where)


async def test_a_cancelled_event_is_gone(client: httpx.AsyncClient) -> None:
    await wait_for(client, "a/b c", ahead(hours=1), data={"n": 1})

    cancelled = await client.delete(f"{SCHEDULED}/a%2Fb%20c")
    again = await client.delete(f"{SCHEDULED}/a%2Fb%20c")

    assert (cancelled.json()["id"], cancelled.json()["data"]) == ("a/b c", {"n": 1})
    assert (again.status_code, again.json()["code"]) == (404, "scheduled.not_found")


async def test_an_id_of_two_sources_wants_its_source(client: httpx.AsyncClient) -> None:
    for source in ("eu", "us"):
        await wait_for(client, "a", ahead(hours=1), source=source)

    unclear = await client.delete(f"{SCHEDULED}/a")
    clear = await client.delete(f"{SCHEDULED}/a", params={"source": "us"})

    assert (unclear.status_code, unclear.json()["where"]) == (400, "source")
    assert clear.json()["source"] == "us"
