from __future__ import annotations

import httpx
import pytest

from event_system.events.ports import Delivery, DeliveryFilter, Filter, Page
from tests.support.site import Site


async def _fill(site: Site, count: int = 7) -> None:
    for number in range(count):
        await site.trigger(
            "player.login" if number % 2 else "player.logout",
            id=f"e{number}",
            source="game",
            subject=f"p{number % 3}",
            data={"n": number},
        )


async def test_an_empty_history_is_an_empty_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/events")

    assert answer.status_code == 200
    assert answer.json() == {"events": [], "next": None}


async def test_the_newest_events_come_first_in_cloudevents_form(
    site: Site, client: httpx.AsyncClient
) -> None:
    await _fill(site)

    events = (await client.get("/api/events")).json()["events"]

    assert [event["offset"] for event in events] == [7, 6, 5, 4, 3, 2, 1]
    newest = events[0]
    assert newest["specversion"] == "1.0"
    assert (newest["id"], newest["source"], newest["type"]) == ("e6", "game", "player.logout")
    assert (newest["subject"], newest["data"]) == ("p0", {"n": 6})
    assert newest["time"].endswith("Z")


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_pages_follow_each_other_without_loss_or_duplicate(
    site: Site, client: httpx.AsyncClient, order: str
) -> None:
    await _fill(site)
    query = {"order": order, "limit": "3", "type": "player.*"}
    seen: list[int] = []
    cursor: str | None = None

    while True:
        asked = query if cursor is None else {**query, "cursor": cursor}
        page = (await client.get("/api/events", params=asked)).json()
        seen += [event["offset"] for event in page["events"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert seen == sorted(range(1, 8), reverse=order == "newest")


async def test_events_are_found_by_type_source_and_subject(
    site: Site, client: httpx.AsyncClient
) -> None:
    await _fill(site)

    async def offsets(**query: str) -> list[int]:
        answer = await client.get("/api/events", params=query)
        return [event["offset"] for event in answer.json()["events"]]

    assert await offsets(type="player.login") == [6, 4, 2]
    assert await offsets(subject="p1") == [5, 2]
    assert await offsets(source="nobody") == []
    assert await offsets(type="player.>", source="game", subject="p0", order="oldest") == [1, 4, 7]


async def test_a_time_range_is_absolute_or_relative(site: Site, client: httpx.AsyncClient) -> None:
    await _fill(site, 2)

    async def count(**query: str) -> int:
        return len((await client.get("/api/events", params=query)).json()["events"])

    assert await count(since="-15m") == 2
    assert await count(until="-15m") == 0
    assert await count(since="2020-01-01T00:00:00Z", until="now") == 2
    assert await count(until="2020-01-01T01:00:00+01:00") == 0


async def test_a_plus_that_was_not_encoded_is_understood(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/events?since=2026-11-21T12:00:00+01:00")

    assert answer.status_code == 200


async def test_fields_choose_attributes(site: Site, client: httpx.AsyncClient) -> None:
    await _fill(site, 1)

    answer = await client.get("/api/events", params={"fields": "id, offset,data"})

    assert answer.json()["events"] == [{"id": "e0", "offset": 1, "data": {"n": 0}}]


async def test_conditions_on_data_must_all_hold(site: Site, client: httpx.AsyncClient) -> None:
    await _fill(site)

    one = await client.get("/api/events", params={"where": "data.n>=5"})
    two = await client.get("/api/events", params={"where": ["data.n>=2", "data.n<4"]})

    assert [event["data"]["n"] for event in one.json()["events"]] == [6, 5]
    assert [event["data"]["n"] for event in two.json()["events"]] == [3, 2]


async def test_a_cursor_keeps_to_its_conditions(site: Site, client: httpx.AsyncClient) -> None:
    await _fill(site)
    asked = {"limit": "1", "where": "data.n>=5"}
    page = (await client.get("/api/events", params=asked)).json()

    rest = await client.get("/api/events", params={**asked, "cursor": page["next"]})
    other = await client.get("/api/events", params={"limit": 1, "cursor": page["next"]})

    assert [event["data"]["n"] for event in rest.json()["events"]] == [5]
    assert other.status_code == 400


async def test_a_search_that_takes_long_says_how_far_it_came(
    site: Site, client: httpx.AsyncClient
) -> None:
    await _fill(site)
    site.history.stride = 2
    asked = {"where": "data.n=3", "order": "oldest", "limit": "1"}

    first = (await client.get("/api/events", params=asked)).json()
    second = (await client.get("/api/events", params={**asked, "cursor": first["next"]})).json()

    assert (first["events"], first["searched_to"]) == ([], 2)
    assert [event["offset"] for event in second["events"]] == [4]
    assert second["next"] is not None  # nobody has looked at what follows
    assert "searched_to" not in second


async def test_whoever_would_wait_gets_a_full_page_at_once(
    site: Site, client: httpx.AsyncClient
) -> None:
    await _fill(site)
    site.history.stride = 2
    asked = {"where": "data.n>=3", "order": "oldest", "wait": "10"}

    two = (await client.get("/api/events", params={**asked, "limit": "2"})).json()
    all_ = (await client.get("/api/events", params=asked)).json()

    assert [event["offset"] for event in two["events"]] == [4, 5]
    assert [event["offset"] for event in all_["events"]] == [4, 5, 6, 7]
    assert (all_["next"], "searched_to" in all_) == (None, False)


async def test_a_status_asks_for_deliveries(site: Site, client: httpx.AsyncClient) -> None:
    await _fill(site)
    event = await site.history.at(3)
    assert event is not None
    site.deliveries.found = Page([event], 3)
    asked = {"status": "dead", "listener": "greet", "type": "player.*", "limit": "1"}

    page = (await client.get("/api/events", params=asked)).json()
    more = {**asked, "cursor": page["next"]}
    rest = await client.get("/api/events", params=more)
    others = [
        await client.get("/api/events", params={**more, "status": "retrying"}),
        await client.get("/api/events", params={**more, "listener": "count"}),
        await client.get("/api/events", params={"type": "player.*", "cursor": page["next"]}),
    ]

    assert [event["offset"] for event in page["events"]] == [3]
    assert rest.status_code == 200
    query, wanted = Filter(pattern="player.*"), DeliveryFilter(status="dead", listener="greet")
    assert site.deliveries.asked == [(query, wanted, 1, True, at) for at in (None, 3)]
    assert {answer.json()["where"] for answer in others} == {"cursor"}


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("order=random", "order"),
        ("status=lost", "status"),
        ("listener=greet", "listener"),
        ("since=yesterday", "since"),
        ("until=2026-11-21T12:00:00", "until"),
        ("until=-15parsecs", "until"),
        ("cursor=rubbish", "cursor"),
        ("cursor=NDIuOGYxYzJhM2I", "cursor"),
        ("fields=id,colour", "fields"),
        ("wait=-1", "wait"),
        ("wait=11", "wait"),
        ("wait=long", "wait"),
        ("typ=player.login", "typ"),
        ("limit=1&limit=2", "limit"),
        ("where=level>1", "where"),
        ("where=data.n", "where"),
        ("where=data.n>1&where=data.n<[1]", "where"),
        ("&".join(["where=data.n>1"] * 9), "where"),
        ("%ED%A0%80=1", "\ufffd\ufffd\ufffd"),
    ],
)
async def test_a_wrong_parameter_is_refused_by_name(
    client: httpx.AsyncClient, query: str, where: str
) -> None:
    answer = await client.get(f"/api/events?{query}")

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "query.invalid"
    assert answer.json()["where"] == where


async def test_a_malformed_pattern_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/events", params={"type": "player.>.x"})

    assert (answer.status_code, answer.json()["code"]) == (400, "pattern.invalid")


async def test_a_cursor_is_refused_by_another_query(site: Site, client: httpx.AsyncClient) -> None:
    await _fill(site)
    page = (await client.get("/api/events", params={"limit": 2})).json()

    other = await client.get("/api/events", params={"subject": "p1", "cursor": page["next"]})

    assert other.status_code == 400
    assert "another query" in other.json()["detail"]


@pytest.mark.parametrize("id_", ["plain", "a/b//c/", "with space & ?#%", "日本", ".."])
async def test_one_event_is_found_by_any_id(
    site: Site, client: httpx.AsyncClient, id_: str
) -> None:
    await site.trigger(id=id_, source="game")
    site.deliveries.deliveries = [Delivery("greet", "sync", "handled")]

    path = "/api/events/" + "".join(f"%{byte:02X}" for byte in id_.encode())
    answer = await client.get(path)

    assert answer.status_code == 200
    assert answer.json()["event"]["id"] == id_
    assert answer.json()["deliveries"] == [
        {"listener": "greet", "mode": "sync", "state": "handled"}
    ]


async def test_source_tells_events_of_one_id_apart(site: Site, client: httpx.AsyncClient) -> None:
    await site.trigger(id="x", source="one")
    await site.trigger(id="x", source="two")

    answer = await client.get("/api/events/x", params={"source": "one"})

    assert answer.json()["event"]["offset"] == 1


async def test_an_unknown_event_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/events/nothing")

    assert (answer.status_code, answer.json()["code"]) == (404, "event.not_found")
    assert answer.json()["where"] == "nothing"
