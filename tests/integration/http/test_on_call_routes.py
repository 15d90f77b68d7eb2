"""Who is on call, over HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from icalendar import Calendar

from event_system.kernel.clock import rfc3339, to_datetime, to_us
from event_system.oncall.overrides import DAY_US
from event_system.oncall.past import Past
from event_system.oncall.schedules import Schedule
from tests.support.clock import HOUR_US
from tests.support.memory_records import MemoryRecords
from tests.support.on_call import PLAN, SHANGHAI, WEEKLY, on_call_for_tests
from tests.support.site import Site

WEDNESDAY = "2026-01-07T04:00:00.000Z"


@pytest.fixture(autouse=True)
def plan(site: Site) -> None:
    site.on_call = on_call_for_tests(site.clock)


def ahead(site: Site, hours: int) -> str:
    return rfc3339(site.clock.now_us() // 1_000_000 * 1_000_000 + hours * HOUR_US)


async def add(client: httpx.AsyncClient, **members: Any) -> Any:
    body = {"schedule": "primary", "person": "anna", "for": "4h", **members}
    answer = await client.post("/api/on-call/overrides", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_who_is_on_call_and_who_is_next(client: httpx.AsyncClient) -> None:
    told = (await client.get("/api/on-call/now", params={"at": WEDNESDAY})).json()

    assert told == {
        "at": WEDNESDAY,
        "schedules": [
            {
                "schedule": "primary",
                "people": ["li"],
                "since": "2026-01-05T01:00:00.000Z",
                "until": "2026-01-12T01:00:00.000Z",
                "override": None,
                "next": {
                    "start": "2026-01-12T01:00:00.000Z",
                    "end": "2026-01-19T01:00:00.000Z",
                    "people": ["wang"],
                    "kind": "layer",
                    "by": "weekly",
                },
            },
            {
                "schedule": "empty",
                "people": [],
                "since": None,
                "until": None,
                "override": None,
                "next": None,
            },
        ],
    }


async def test_shifts_and_gaps_of_a_span(client: httpx.AsyncClient) -> None:
    query = {"from": "2026-01-01T01:00:00Z", "until": "2026-01-19T01:00:00Z"}

    told = (await client.get("/api/on-call/schedules/primary/shifts", params=query)).json()

    assert [each["people"] for each in told["shifts"]] == [["li"], ["wang"]]
    assert told["gaps"] == [
        {"start": "2026-01-01T01:00:00.000Z", "end": "2026-01-05T01:00:00.000Z"}
    ]


async def test_shifts_that_are_over_are_as_they_were(site: Site, client: httpx.AsyncClient) -> None:
    past, now_us = Past(MemoryRecords()), site.clock.now_us()
    on_call = site.on_call = on_call_for_tests(site.clock, past=past)
    await past.record(PLAN, now_us - 30 * DAY_US)
    both = {"from": rfc3339(now_us - 20 * DAY_US), "until": rfc3339(now_us + 20 * DAY_US)}
    path = "/api/on-call/schedules/primary/shifts"
    before = (await client.get(path, params=both)).json()
    alone = Schedule("primary", SHANGHAI, (replace(WEEKLY, turns=(("anna",),)),))
    people = {"anna": PLAN.people["anna"]}
    on_call.plan = replace(PLAN, people=people, schedules={"primary": alone})
    await past.record(on_call.plan, now_us)

    told = (await client.get(path, params=both)).json()["shifts"]

    assert told[-1]["people"] == ["anna"]
    assert to_us(datetime.fromisoformat(told[-1]["start"])) == now_us // 1000 * 1000
    assert [each["people"] for each in told[:-1]] == [
        each["people"] for each in before["shifts"] if each["start"] < rfc3339(now_us)
    ]
    assert {name for each in told[:-1] for name in each["people"]} == {"li", "wang"}


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"from": "2026-01-01T00:00:00Z", "until": "2026-06-01T00:00:00Z"},
        {"from": "9999-12-30T00:00:00Z"},
        {"from": "monday"},
    ],
)
async def test_a_span_that_cannot_be_is_refused(
    client: httpx.AsyncClient, query: dict[str, str]
) -> None:
    answer = await client.get("/api/on-call/schedules/primary/shifts", params=query)

    assert (answer.status_code, answer.json()["code"]) == (400, "query.invalid")


async def test_people_are_shown_without_their_addresses(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/on-call/people")

    li, _, anna = answer.json()["people"]
    assert (li["name"], li["methods"], li["time_zone"]) == (
        "li",
        ["email", "phone"],
        "Asia/Shanghai",
    )
    assert (anna["methods"], anna["feed"]) == ([], None)
    assert "example.org" not in answer.text


async def test_an_override_lives(site: Site, client: httpx.AsyncClient) -> None:
    site.keys = {b"secret": "li"}
    headers = {"authorization": "Bearer secret"}
    start, end, later = ahead(site, 1), ahead(site, 5), ahead(site, 6)
    body = {"schedule": "primary", "person": "anna", "start": start, "end": end, "note": "dentist"}

    made = (await client.post("/api/on-call/overrides", json=body, headers=headers)).json()
    path = f"/api/on-call/overrides/{made['id']}"
    longer = {**body, "end": later, "by": "wang"}
    changed = (await client.put(path, json=longer, headers=headers)).json()
    listed = (await client.get("/api/on-call/overrides", headers=headers)).json()
    now = await client.get("/api/on-call/now", params={"at": start}, headers=headers)
    ended = (await client.delete(path, headers=headers)).json()
    gone = await client.get(path, headers=headers)

    assert made | body == made
    assert made["by"] == "li"
    assert (changed["end"], changed["by"]) == (later, "wang")
    assert listed == {"overrides": [changed]}
    assert now.json()["schedules"][0]["people"] == ["anna"]
    assert now.json()["schedules"][0]["override"] == made["id"]
    assert ended == changed
    assert (gone.status_code, gone.json()["code"]) == (404, "on_call.override_not_found")


async def test_one_that_has_begun_ends_and_stays(client: httpx.AsyncClient) -> None:
    made = await add(client)
    path = f"/api/on-call/overrides/{made['id']}"

    other = await client.put(path, json={"schedule": "primary", "person": "wang", "for": "1h"})
    ended = await client.delete(path)
    again = await client.delete(path)

    assert (other.status_code, other.json()["code"]) == (409, "on_call.override_past")
    assert ended.json() == made
    assert (again.status_code, again.json()["code"]) == (409, "on_call.override_past")
    assert (await client.get(path)).json()["end"] < made["end"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"person": "nobody"}, 404, "on_call.not_found"),
        ({"schedule": "none"}, 404, "on_call.not_found"),
        ({"for": "1000d"}, 400, "on_call.override"),
        ({"for": "0s"}, 400, "on_call.override"),
        ({"for": None}, 400, "request.invalid"),
        ({"end": "2026-01-01T00:00:00Z"}, 400, "request.invalid"),
        ({"start": "tomorrow"}, 400, "request.invalid"),
        ({"color": "red"}, 400, "request.invalid"),
    ],
)
async def test_what_cannot_be_an_override_is_refused(
    client: httpx.AsyncClient, change: dict[str, Any], status: int, code: str
) -> None:
    body = {"schedule": "primary", "person": "anna", "for": "4h", **change}

    answer = await client.post("/api/on-call/overrides", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_overrides_are_read_from_a_calendar(site: Site, client: httpx.AsyncClient) -> None:
    start = to_datetime(site.clock.now_us()) + timedelta(days=1)
    text = "\r\n".join(
        (
            *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", "UID:1"),
            *("SUMMARY:Anna Schmidt", f"DTSTART:{start:%Y%m%dT%H%M%SZ}", "DURATION:PT2H"),
            *("RRULE:FREQ=DAILY;COUNT=3", "END:VEVENT", "END:VCALENDAR", ""),
        )
    )
    path, query = "/api/on-call/overrides/import", {"schedule": "primary"}

    told = await client.post(path, content=text, params=query)
    stranger = await client.post(path, content=text.replace("Anna", "Bob"), params=query)
    empty = await client.post(path, content="BEGIN:VCALENDAR\r\nEND:VCALENDAR", params=query)

    overrides = told.json()["overrides"]
    assert [each["person"] for each in overrides] == ["anna"] * 3
    assert overrides[0]["start"] == f"{start:%Y-%m-%dT%H:%M:%S}.000Z"
    for refused in (stranger, empty):
        assert (refused.status_code, refused.json()["code"]) == (400, "on_call.icalendar")
    assert len((await client.get("/api/on-call/overrides")).json()["overrides"]) == 3


async def test_a_feed_needs_its_token_or_a_key(site: Site, client: httpx.AsyncClient) -> None:
    site.keys, site.feed_key = {b"secret": "li"}, "correct horse battery staple"
    headers = {"authorization": "Bearer secret"}
    made = await client.get("/api/on-call/schedules", headers=headers)
    feed = made.json()["schedules"][0]["feed"]
    path, _, token = feed.partition("?token=")

    by_token = await client.get(feed)
    by_key = await client.get(path, headers=headers)
    refused = [
        await client.get(path),
        await client.get(f"{path}?token={'0' * 32}"),
        await client.get(f"/api/on-call/schedules/empty.ics?token={token}"),
        await client.get(f"/api/on-call/people/li.ics?token={token}"),
    ]

    assert path == "/api/on-call/schedules/primary.ics"
    assert by_token.headers["content-type"].startswith("text/calendar")
    assert by_token.content.startswith(b"BEGIN:VCALENDAR\r\n")
    assert by_key.status_code == 200
    assert [answer.status_code for answer in refused] == [401] * 4


async def test_feeds_hold_shifts_and_overrides(site: Site, client: httpx.AsyncClient) -> None:
    made = await add(client, start=ahead(site, 24))

    schedule = Calendar.from_ical((await client.get("/api/on-call/schedules/primary.ics")).content)
    anna = Calendar.from_ical((await client.get("/api/on-call/people/anna.ics")).content)

    (event,) = anna.events
    assert str(event["SUMMARY"]) == "Anna Schmidt (primary)"
    start = event.start
    assert isinstance(start, datetime)
    assert rfc3339(to_us(start)) == made["start"]
    people = {str(each["X-EVENT-SYSTEM-PEOPLE"]) for each in schedule.events}
    assert people == {"li", "wang", "anna"}
    assert len(schedule.events) > 210 * DAY_US // (7 * DAY_US)


@pytest.mark.parametrize("path", ["schedules/none.ics", "schedules/primary", "people/none.ics"])
async def test_a_feed_that_is_not_there(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/api/on-call/{path}")

    assert (answer.status_code, answer.json()["code"]) == (404, "on_call.not_found")


async def test_a_node_that_does_not_know_says_so(site: Site, client: httpx.AsyncClient) -> None:
    site.on_call = None

    answer = await client.get("/api/on-call/now")

    assert (answer.status_code, answer.json()["code"]) == (503, "on_call.off")
