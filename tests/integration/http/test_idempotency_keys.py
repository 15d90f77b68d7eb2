from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.support.site import Site, serving

LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat()
TRIGGER, BATCH = "/api/events/trigger", "/api/events/batch"


@pytest.fixture(params=["application", "protocol"])
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with serving(Site(fast=request.param == "protocol")) as running:
        yield running


def keyed(key: str) -> dict[str, str]:
    return {"idempotency-key": key}


async def test_a_repeated_request_is_stored_once(site: Site, client: httpx.AsyncClient) -> None:
    body = {"type": "player.paid", "subject": "p1", "data": {"gold": 3}}
    first = await client.post(TRIGGER, json=body, headers=keyed('"order-4711"'))
    second = await client.post(TRIGGER, json=body, headers=keyed("order-4711"))

    assert first.json() == {"id": "idem:order-4711", "offset": 1, "duplicate": False}
    assert second.json() == {"id": "idem:order-4711", "offset": 1, "duplicate": True}
    assert len(site.log.rows) == 1


@pytest.mark.parametrize("later", [{}, {"deliver_at": LATER}])
@pytest.mark.parametrize(
    ("change", "where"),
    [({"type": "b"}, "$.type"), ({"subject": "p2"}, "$.subject"), ({"data": 2}, "$.data")],
)
async def test_a_key_stands_for_one_event(
    site: Site,
    client: httpx.AsyncClient,
    change: dict[str, object],
    where: str,
    later: dict[str, object],
) -> None:
    body: dict[str, object] = {"type": "a", "subject": "p1", "data": 1, **later}
    await client.post(TRIGGER, json=body, headers=keyed("k"))
    answer = await client.post(TRIGGER, json=body | change, headers=keyed("k"))

    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency.conflict"
    assert answer.json()["where"] == where
    again = await client.post(TRIGGER, json=body, headers=keyed("k"))
    assert again.json()["duplicate"] is True
    assert len(site.log.rows) + len(site.delayed_store.held) == 1


async def test_an_own_id_goes_before_the_key(site: Site, client: httpx.AsyncClient) -> None:
    structured = {"specversion": "1.0", "id": "own", "source": "s", "type": "a", "data": 1}
    binary = {"ce-specversion": "1.0", "ce-id": "own2", "ce-source": "s", "ce-type": "a"}
    answers = [
        await client.post(TRIGGER, json={"type": "a", "id": "mine"}, headers=keyed("k")),
        await client.post(TRIGGER, json={"type": "a", "id": "mine", "data": 2}, headers=keyed("k")),
        await client.post(TRIGGER, json=structured, headers=keyed("k")),
        await client.post(TRIGGER, headers=binary | keyed("k")),
    ]

    assert [a.json()["id"] for a in answers] == ["mine", "mine", "own", "own2"]
    assert [a.json()["duplicate"] for a in answers] == [False, True, False, False]


@pytest.mark.parametrize("key", ["", '"', "x" * 256])
async def test_what_is_no_key_is_refused(site: Site, client: httpx.AsyncClient, key: str) -> None:
    single = await client.post(TRIGGER, json={"type": "a"}, headers=keyed(key))
    batch = await client.post(BATCH, json=[{"type": "a"}], headers=keyed(key))

    for answer in (single, batch):
        assert answer.status_code == 400
        assert (answer.json()["code"], answer.json()["where"]) == (
            "idempotency.key",
            "Idempotency-Key",
        )
    assert site.log.rows == []


@pytest.mark.parametrize("form", ["array", "lines"])
async def test_a_repeated_batch_gets_the_same_ids(
    site: Site, client: httpx.AsyncClient, form: str
) -> None:
    array = b'[{"type":"a"},{"type":"b","id":"own"},{"type":"a"}]'
    lines = b'{"type":"a"}\n{"type":"b","id":"own"}\n{"type":"a"}\n'
    media_type = "application/json" if form == "array" else "application/x-ndjson"
    headers = keyed("night-1") | {"content-type": media_type}
    answers = [
        await client.post(BATCH, content=array if form == "array" else lines, headers=headers)
        for _ in range(2)
    ]

    assert [[e["id"] for e in a.json()["events"]] for a in answers] == [
        ["idem-batch:night-1/0", "own", "idem-batch:night-1/2"]
    ] * 2
    assert [a.json()["duplicates"] for a in answers] == [0, 3]
    assert len(site.log.rows) == 3


async def test_a_partial_batch_counts_its_faulty_events(
    site: Site, client: httpx.AsyncClient
) -> None:
    body = [{"type": "no type"}, {"type": "a"}]
    for _ in range(2):
        answer = await client.post(f"{BATCH}?partial=true", json=body, headers=keyed("k"))
        assert [e["id"] for e in answer.json()["events"]] == ["idem-batch:k/1"]

    mended = [{"type": "b"}, {"type": "a"}]
    answer = await client.post(f"{BATCH}?partial=true", json=mended, headers=keyed("k"))
    assert [e["duplicate"] for e in answer.json()["events"]] == [False, True]
