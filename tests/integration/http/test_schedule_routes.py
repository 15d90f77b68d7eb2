"""Schedules over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from event_system.events.event import Event
from event_system.events.listener import listener, listeners_of
from tests.support.site import Site, serving

SCHEDULES = "/api/schedules"
TAX: dict[str, Any] = {
    "cron": "0 4 * * *",
    "time_zone": "Europe/Berlin",
    "event": {"type": "guild.tax", "subject": "g1", "data": {"percent": 3}},
}


async def test_a_schedule_is_made_shown_and_listed(client: httpx.AsyncClient) -> None:
    made = await client.put(f"{SCHEDULES}/tax", json=TAX)
    shown = await client.get(f"{SCHEDULES}/tax")
    listed = await client.get(SCHEDULES)

    assert made.status_code == 200, made.text
    assert made.json() == shown.json() == listed.json()["schedules"][0]
    told = made.json()
    assert told["event"] == {**TAX["event"], "source": "schedule"}
    assert (told["catch_up"], told["enabled"], told["fired"]) == ("one", True, 0)
    assert told["next"][11:] in ("02:00:00.000Z", "03:00:00.000Z")
    assert (told["last"], told["last_offset"]) == (None, None)


async def test_what_is_told_can_be_given_back(client: httpx.AsyncClient) -> None:
    told = (await client.put(f"{SCHEDULES}/tax", json=TAX)).json()
    answers = ("name", "next", "last", "last_offset", "fired")
    again = {name: value for name, value in told.items() if name not in answers}

    assert (await client.put(f"{SCHEDULES}/tax", json=again)).json() == told


async def test_schedules_are_listed_by_name(client: httpx.AsyncClient) -> None:
    for name in ("b", "c", "a"):
        await client.put(f"{SCHEDULES}/{name}", json=TAX)

    listed = (await client.get(SCHEDULES)).json()["schedules"]

    assert [each["name"] for each in listed] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"cron": "0 25 * * *"}, "$.cron"),
        ({"cron": None}, "$.cron"),
        ({"time_zone": "Berlin"}, "$.time_zone"),
        ({"event": {"type": "a b"}}, "$.event.type"),
        ({"event": {"type": "a", "id": "x"}}, "$.event"),
        ({"jitter_seconds": 3601}, "$.jitter_seconds"),
        ({"catch_up": "some"}, "$.catch_up"),
        ({"start": "tomorrow"}, "$.start"),
        ({"crom": "0 4 * * *"}, "$"),
    ],
)
async def test_a_faulty_schedule_is_refused(
    client: httpx.AsyncClient, change: dict[str, Any], where: str
) -> None:
    answer = await client.put(f"{SCHEDULES}/tax", json={**TAX, **change})

    assert (answer.status_code, answer.json()["code"]) == (400, "schedule.invalid")
    assert answer.json()["where"] == where
    assert (await client.get(SCHEDULES)).json() == {"schedules": []}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"{", 400, "event.malformed"), (b"", 400, "event.malformed"), (b" " * 70_000, 413, None)],
)
async def test_a_body_that_is_no_schedule_is_refused(
    client: httpx.AsyncClient, body: bytes, status: int, code: str | None
) -> None:
    answer = await client.put(f"{SCHEDULES}/tax", content=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code or "request.too_large")


async def test_a_name_that_cannot_be_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.put(f"{SCHEDULES}/guild%20tax", json=TAX)

    assert (answer.status_code, answer.json()["where"]) == (400, "name")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "tax"), ("DELETE", "tax"), ("POST", "tax/run")],
)
async def test_an_unknown_schedule_is_told(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, f"{SCHEDULES}/{path}")

    assert (answer.status_code, answer.json()["code"]) == (404, "schedule.not_found")


async def test_a_deleted_schedule_is_gone(client: httpx.AsyncClient) -> None:
    made = await client.put(f"{SCHEDULES}/tax", json=TAX)

    deleted = await client.delete(f"{SCHEDULES}/tax")

    assert deleted.json() == made.json()
    assert (await client.get(SCHEDULES)).json() == {"schedules": []}


async def test_a_schedule_is_run_now() -> None:
    @listener("guild.tax", name="collect", mode="sync")
    async def collect(event: Event) -> str:
        return f"{event.data['percent']} % of {event.subject}"

    async with serving(Site(listeners_of(collect))) as site, site.client() as client:
        await client.put(f"{SCHEDULES}/tax", json={**TAX, "enabled": False})

        answer = (await client.post(f"{SCHEDULES}/tax/run")).json()

        assert answer["id"].startswith("schedule:tax:run:")
        assert (answer["offset"], answer["duplicate"]) == (1, False)
        assert answer["results"][0]["result"] == "3 % of g1"
