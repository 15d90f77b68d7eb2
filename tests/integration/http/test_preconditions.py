from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from event_system.events.event import Event
from event_system.events.limiter import Limit
from event_system.events.limits import Rate
from event_system.events.listener import Listener
from tests.support.site import Site, serving

TRIGGER, BATCH = "/api/events/trigger", "/api/events/batch"
EVENT = {"type": "a", "subject": "p/1 ü", "data": 1}


@pytest.fixture(params=["application", "protocol"])
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with serving(Site(fast=request.param == "protocol")) as running:
        yield running


async def test_events_follow_each_other_by_their_offsets(client: httpx.AsyncClient) -> None:
    first = await client.post(TRIGGER, json=EVENT, headers={"if-none-match": "*"})
    second = await client.post(TRIGGER, json=EVENT, headers={"if-match": '"1"'})

    assert [a.json()["offset"] for a in (first, second)] == [1, 2]
    assert [a.json()["duplicate"] for a in (first, second)] == [False, False]


@pytest.mark.parametrize("header", [{"if-none-match": "*"}, {"if-match": '"7"'}])
async def test_a_subject_that_has_changed_is_a_412_with_its_last_offset(
    site: Site, client: httpx.AsyncClient, header: dict[str, str]
) -> None:
    await client.post(TRIGGER, json=EVENT)
    answer = await client.post(TRIGGER, json=EVENT, headers=header)

    assert answer.status_code == 412
    assert answer.headers["etag"] == '"1"'
    assert (answer.json()["code"], answer.json()["last_offset"]) == ("precondition.failed", 1)
    assert len(site.log.rows) == 1
    assert site.admission.in_flight == 0


async def test_a_retry_is_a_duplicate_and_no_failure(client: httpx.AsyncClient) -> None:
    headers = {"if-match": '"0"', "idempotency-key": "k"}
    answers = [await client.post(TRIGGER, json=EVENT, headers=headers) for _ in range(2)]

    assert [a.json()["duplicate"] for a in answers] == [False, True]
    other = await client.post(TRIGGER, json=EVENT | {"data": 2}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.conflict")


@pytest.mark.parametrize(
    ("body", "headers", "where"),
    [
        ({"type": "a"}, {"if-none-match": "*"}, "$.subject"),
        (EVENT, {"if-match": "*"}, "If-Match"),
        (EVENT, {"if-match": '"1"', "if-none-match": "*"}, "If-Match"),
    ],
)
async def test_a_precondition_that_makes_no_sense_is_refused(
    site: Site,
    client: httpx.AsyncClient,
    body: dict[str, object],
    headers: dict[str, str],
    where: str,
) -> None:
    answer = await client.post(TRIGGER, json=body, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "precondition.invalid")
    assert answer.json()["where"] == where
    assert site.log.rows == []


async def test_a_batch_has_no_precondition(site: Site, client: httpx.AsyncClient) -> None:
    answer = await client.post(BATCH, json=[EVENT], headers={"if-none-match": "*"})

    assert (answer.status_code, answer.json()["code"]) == (400, "precondition.invalid")
    assert site.log.rows == []


async def test_limits_count_for_conditional_events_too(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.limiter.configure([Limit("key", Rate(0.001, 1))])
    site.admission.refresh()
    answers = [await client.post(TRIGGER, json=EVENT, headers={"if-match": '"0"'}) for _ in "12"]

    assert [a.status_code for a in answers] == [200, 429]


async def test_where_a_subject_stands_can_be_asked(client: httpx.AsyncClient) -> None:
    path = "/api/subjects/p%2F1%20%C3%BC"
    before = await client.get(path)
    await client.post(TRIGGER, json=EVENT)
    after = await client.get(path)

    assert before.json() == {"subject": "p/1 ü", "last_offset": 0}
    assert before.headers["etag"] == '"0"'
    assert after.json() == {"subject": "p/1 ü", "last_offset": 1}
    assert after.headers["etag"] == '"1"'


async def test_sync_listeners_see_what_was_stored_only() -> None:
    seen: list[int] = []

    async def look(event: Event) -> str:
        seen.append(event.offset)
        return "seen"

    listener = Listener(name="look", patterns=("a",), handler=look, mode="sync")
    async with serving(Site([listener])) as site, site.client() as client:
        good = await client.post(TRIGGER, json=EVENT, headers={"if-match": '"0"'})
        await client.post(TRIGGER, json=EVENT, headers={"if-match": '"0"'})

    assert good.json()["results"][0]["result"] == "seen"
    assert seen == [1]
