from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from event_system.events.ports import Filter, Page
from event_system.http.export import MAX_EXPORTS
from event_system.kernel.errors import StorageError
from tests.support.site import Site


async def fill(site: Site, count: int, **members: Any) -> None:
    async with site.client() as client:
        events = [{"type": "a.b", "data": n, **members} for n in range(count)]
        answer = await client.post("/api/events/batch", json=events)
    assert answer.status_code == 200


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines() if line]


async def test_everything_comes_oldest_first_as_cloudevents(
    site: Site, client: httpx.AsyncClient
) -> None:
    await fill(site, 1_100)

    answer = await client.get("/api/events/export")

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["x-export-through"] == "1100"
    assert [event["offset"] for event in events(answer)] == list(range(1, 1_101))
    assert events(answer)[7]["data"] == 7
    assert events(answer)[7]["specversion"] == "1.0"


async def test_an_export_goes_on_after_an_offset(site: Site, client: httpx.AsyncClient) -> None:
    await fill(site, 20)

    answer = await client.get("/api/events/export", params={"after": 15})

    assert [event["offset"] for event in events(answer)] == [16, 17, 18, 19, 20]


async def test_filters_are_those_of_the_history(site: Site, client: httpx.AsyncClient) -> None:
    await fill(site, 3, subject="one")
    await fill(site, 3, subject="two", type="c")

    by_subject = await client.get("/api/events/export", params={"subject": "two"})
    by_type = await client.get("/api/events/export", params={"type": "a.*", "since": "-1h"})
    none = await client.get("/api/events/export", params={"until": "-1h"})

    assert [event["offset"] for event in events(by_subject)] == [4, 5, 6]
    assert [event["offset"] for event in events(by_type)] == [1, 2, 3]
    assert events(none) == []


async def test_data_with_line_breaks_stays_on_its_line(
    site: Site, client: httpx.AsyncClient
) -> None:
    body = b'{"type": "a", "data": {\n"text":\r\n"x\\ny"}}'
    await client.post(
        "/api/events/trigger", content=body, headers={"content-type": "application/json"}
    )

    answer = await client.get("/api/events/export")

    assert answer.content.count(b"\n") == 1
    assert events(answer)[0]["data"] == {"text": "x\ny"}


@pytest.mark.parametrize("query", ["after=-1", "type=a..b", "since=soon", "tpye=a", "where=x"])
async def test_a_wrong_question_is_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/api/events/export?{query}")

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_store_that_cannot_be_read_is_a_problem_answer(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.history.failure = StorageError()

    answer = await client.get("/api/events/export")

    assert (answer.status_code, answer.json()["code"]) == (503, "storage.failed")


async def test_an_export_that_fails_on_its_way_breaks_off(
    site: Site, client: httpx.AsyncClient
) -> None:
    await fill(site, 600)
    find = site.history.find

    async def failing(query: Filter, **paging: Any) -> Page:
        if paging["cursor"]:
            raise StorageError
        return await find(query, **paging)

    site.history.find = failing  # type: ignore[method-assign]

    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/api/events/export")
    site.history.find = find  # type: ignore[method-assign]
    assert await _free(client)


async def _free(client: httpx.AsyncClient) -> bool:
    """Whether as many exports as there may be can run."""
    answers = await asyncio.gather(
        *(client.get("/api/events/export?after=599") for _ in range(MAX_EXPORTS))
    )
    return {answer.status_code for answer in answers} == {200}


async def test_an_export_too_many_is_refused_until_another_ends(
    site: Site, client: httpx.AsyncClient
) -> None:
    await fill(site, 1_000, subject="x" * 1_000)
    await fill(site, 5_000, subject="x" * 1_000)
    requests = [
        client.build_request("GET", "/api/events/export", headers={"accept-encoding": "identity"})
        for _ in range(MAX_EXPORTS)
    ]
    open_ = [await client.send(request, stream=True) for request in requests]

    refused = await client.get("/api/events/export")
    for answer in open_:
        await answer.aclose()

    assert (refused.status_code, refused.json()["code"]) == (503, "stream.limit")

    async def is_free() -> bool:
        return (await client.get("/api/events/export?after=5999")).status_code == 200

    async with asyncio.timeout(10):
        while not await is_free():
            await asyncio.sleep(0.01)


async def test_what_is_stored_meanwhile_is_left_to_the_next_export(
    site: Site, client: httpx.AsyncClient
) -> None:
    await fill(site, 5_000, subject="x" * 1_000)
    async with client.stream("GET", "/api/events/export") as answer:
        await fill(site, 10)
        text = "".join([part async for part in answer.aiter_text()])

    assert len(text.splitlines()) == 5_000
    assert site.log.head == 5_010


async def test_an_export_breaks_off_when_the_node_stops(
    site: Site, client: httpx.AsyncClient
) -> None:
    await fill(site, 9_000, subject="x" * 1_000)
    async with client.stream("GET", "/api/events/export") as answer:
        site.tail.close()
        with pytest.raises(httpx.RemoteProtocolError):
            _ = [part async for part in answer.aiter_bytes()]
