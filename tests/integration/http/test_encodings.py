"""Packed bodies over a real server: what is sent and what is answered."""

from __future__ import annotations

import gzip
import json

import httpx
import pytest

from event_system.http.encodings import Packer
from tests.support.rows import row
from tests.support.site import Site, serving

EVENT = json.dumps({"type": "player.login", "data": {"name": "Ann" * 50}}).encode()
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_events_may_come_packed(coding: str, fast: bool) -> None:
    async with serving(Site(fast=fast)) as site, site.client() as client:
        headers = {**JSON, "content-encoding": coding}
        one = await client.post(
            "/api/events/trigger", content=Packer(coding).end(EVENT), headers=headers
        )
        many = await client.post(
            "/api/events/batch",
            content=Packer(coding).end(b"[%b,%b]" % (EVENT, EVENT)),
            headers=headers,
        )

    assert (one.status_code, many.status_code) == (200, 200)
    assert many.json()["accepted"] == 2
    assert site.log.head == 3
    assert json.loads(site.log.rows[0][14] or b"") == {"name": "Ann" * 50}


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("path", ["trigger", "batch"])
async def test_a_packed_body_is_bounded_by_what_is_in_it(path: str, fast: bool) -> None:
    bomb = gzip.compress(bytes(32 * 1024 * 1024))
    async with serving(Site(fast=fast)) as site, site.client() as client:
        answer = await client.post(
            f"/api/events/{path}", content=bomb, headers={**JSON, "content-encoding": "gzip"}
        )

    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")
    assert site.log.head == 0


@pytest.mark.parametrize("fast", [False, True])
async def test_an_unknown_coding_is_told_the_known_ones(fast: bool) -> None:
    async with serving(Site(fast=fast)) as site, site.client() as client:
        answer = await client.post(
            "/api/events/trigger", content=EVENT, headers={**JSON, "content-encoding": "compress"}
        )

    assert (answer.status_code, answer.json()["code"]) == (415, "request.encoding")
    assert answer.headers["accept-encoding"] == "zstd, br, gzip"


async def test_a_body_that_is_cut_off_stores_nothing(site: Site, client: httpx.AsyncClient) -> None:
    lines = b"\n".join([EVENT] * 50)
    headers = {"content-type": "application/x-ndjson", "content-encoding": "zstd"}

    answer = await client.post(
        "/api/events/batch", content=Packer("zstd").end(lines)[:-5], headers=headers
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed_encoding")
    assert site.log.head == 0


async def test_other_routes_take_no_packed_bodies(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/events/test", headers={"content-encoding": "gzip"})

    assert (answer.status_code, answer.json()["code"]) == (415, "request.encoding")


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_pages_are_answered_packed(
    site: Site, client: httpx.AsyncClient, coding: str
) -> None:
    for number in range(20):
        await site.trigger(data={"n": number})

    plain = await client.get("/api/events", headers={"accept-encoding": "identity"})
    answer = await client.get("/api/events", headers={"accept-encoding": coding})

    assert answer.headers["content-encoding"] == coding
    assert answer.headers["vary"] == plain.headers["vary"] == "accept-encoding"
    assert "content-encoding" not in plain.headers
    assert int(answer.headers["content-length"]) < len(plain.content) / 2
    assert answer.json() == plain.json()


async def test_an_export_is_packed(site: Site, client: httpx.AsyncClient) -> None:
    for number in range(300):
        site.log.submit([row(f"e{number}", data=b"%d" % number)], lambda appended: None)

    answer = await client.get("/api/events/export", headers={"accept-encoding": "br"})

    assert answer.headers["content-encoding"] == "br"
    lines = [json.loads(line) for line in answer.text.splitlines() if line]
    assert [line["data"] for line in lines] == list(range(300))


async def test_a_live_stream_is_not_packed(site: Site, client: httpx.AsyncClient) -> None:
    await site.trigger(data="x" * 5000)
    path = "/api/events/stream?last_event_id=0"

    async with client.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
        lines = answer.aiter_lines()
        first = await anext(lines)

    assert "content-encoding" not in answer.headers
    assert first == "retry: 2000"
