"""Refusals under load: rate limits, full backlog, too many requests, unfair shares."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from event_system.events.limiter import Limit
from event_system.events.limits import Rate
from event_system.http.admission import AdmissionSettings
from event_system.http.asking import Asking
from tests.support.memory_limits import MemoryLimits
from tests.support.site import Site, serving

TRIGGER, BATCH = "/api/events/trigger", "/api/events/batch"


@pytest.fixture(params=["application", "protocol", "shared"])
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """`shared` takes from limits that answer later, and has to look the same from outside."""
    async with serving(Site(fast=request.param != "application")) as running:
        if request.param == "shared":
            share(running)
        yield running


def share(site: Site) -> MemoryLimits:
    limits = MemoryLimits(lambda: site.clock.monotonic() + site.ahead)
    site.ingest.asking = Asking(site.admission, limits)
    return limits


def limit(site: Site, *limits: Limit) -> None:
    site.limiter.configure(limits)


async def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert int(answer.headers["retry-after"]) >= 1


async def test_without_limits_nothing_is_told_of_them(client: httpx.AsyncClient) -> None:
    answer = await client.post(TRIGGER, json={"type": "a"})

    assert "ratelimit" not in answer.headers
    assert "ratelimit-policy" not in answer.headers


async def test_a_limit_is_told_and_then_refuses(site: Site, client: httpx.AsyncClient) -> None:
    limit(site, Limit("source", Rate(0.5, 2)))
    answers = [await client.post(TRIGGER, json={"type": "a"}) for _ in range(3)]

    assert [a.status_code for a in answers] == [200, 200, 429]
    assert {a.headers["ratelimit-policy"] for a in answers} == {'"per_source";q=2;w=4'}
    assert [a.headers["ratelimit"] for a in answers] == [
        '"per_source";r=1;t=2',
        '"per_source";r=0;t=4',
        '"per_source";r=0;t=2',
    ]
    await refused(answers[2], 429, "rate.limited")
    assert answers[2].headers["retry-after"] == "2"
    assert answers[2].json()["where"] == "limits.per_source"
    assert "anonymous" in answers[2].json()["detail"]
    assert len(site.log.rows) == 2

    site.ahead += 2
    assert (await client.post(TRIGGER, json={"type": "a"})).status_code == 200


async def test_several_limits_are_told_together(site: Site, client: httpx.AsyncClient) -> None:
    limit(site, Limit("key", Rate(10, 10)), Limit("type", Rate(1, 5), (("b", None),)))

    both = await client.post(TRIGGER, json={"type": "a"})
    one = await client.post(TRIGGER, json={"type": "b"})
    assert both.headers["ratelimit-policy"] == '"per_key";q=10;w=1, "per_type";q=5;w=5'
    assert both.headers["ratelimit"] == '"per_key";r=9;t=1, "per_type";r=4;t=1'
    assert one.headers["ratelimit-policy"] == '"per_key";q=10;w=1'


async def test_a_type_has_the_rate_of_its_entry(client: httpx.AsyncClient) -> None:
    await client.put("/api/types/a.b", json={"rate_limit": {"per_second": 0.5, "burst": 2}})
    answers = [await client.post(TRIGGER, json={"type": "a.b"}) for _ in range(3)]

    assert [a.status_code for a in answers] == [200, 200, 429]
    assert answers[2].headers["ratelimit-policy"] == '"event_type";q=2;w=4'
    assert answers[2].json()["where"] == "rate_limit"
    assert "'a.b' may send 0.5 events a second" in answers[2].json()["detail"]
    assert (await client.post(TRIGGER, json={"type": "a.c"})).status_code == 200

    await client.put("/api/types/a.b", json={})
    free = await client.post(TRIGGER, json={"type": "a.b"})
    assert free.status_code == 200
    assert "ratelimit" not in free.headers


async def test_a_batch_takes_one_for_every_event(site: Site, client: httpx.AsyncClient) -> None:
    limit(site, Limit("key", Rate(0.001, 5)))
    events = [{"type": "a"}] * 3
    first = await client.post(BATCH, json=events)
    second = await client.post(BATCH, json=events)

    assert first.headers["ratelimit"].startswith('"per_key";r=2;')
    await refused(second, 429, "rate.limited")
    assert len(site.log.rows) == 3


async def test_keys_have_limits_of_their_own(site: Site, client: httpx.AsyncClient) -> None:
    site.keys = {b"esk_1": "game", b"esk_2": "chain"}
    limit(site, Limit("key", Rate(0.001, 1), (("chain", Rate(0.001, 2)),)))

    def sent(key: str) -> asyncio.Task[httpx.Response]:
        headers = {"authorization": f"Bearer {key}"}
        return asyncio.create_task(client.post(TRIGGER, json={"type": "a"}, headers=headers))

    statuses = [(await sent(key)).status_code for key in ("esk_1", "esk_1", *["esk_2"] * 3)]
    assert statuses == [200, 429, 200, 200, 429]


async def test_a_full_backlog_refuses_before_the_body_is_looked_at(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.backlog.look()
    site.lags = {"slow": 0}
    site.ahead += 1
    site.backlog.look()
    site.lags = {"slow": 101}
    site.ahead += 1
    site.backlog.look()

    for path in (TRIGGER, BATCH):
        answer = await client.post(path, content=b"{no json")
        await refused(answer, 503, "backlog.full")
        assert answer.json()["where"] == "slow"
    assert (await client.get(TRIGGER)).status_code == 200
    assert (await client.get("/health")).status_code == 200
    assert site.refused == ["backlog.full"] * 2

    site.lags = {"slow": 90}
    site.ahead += 1
    assert (await client.post(TRIGGER, json={"type": "a"})).status_code == 200


async def under_way(site: Site, count: int) -> None:
    async with asyncio.timeout(10):
        while len(site.log.waiting or ()) < count:
            await asyncio.sleep(0)


async def test_more_requests_than_allowed_are_refused_and_the_others_answered(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.admission.configure(AdmissionSettings(max_in_flight=4))
    site.log.waiting = []
    accepted = [
        asyncio.create_task(client.post(TRIGGER, json={"type": "a", "source": f"s{n}"}))
        for n in range(4)
    ]
    await under_way(site, 4)
    await refused(await client.post(TRIGGER, content=b"{no json"), 503, "server.busy")
    site.log.go_on()

    assert [(await task).status_code for task in accepted] == [200] * 4
    assert (await client.post(TRIGGER, json={"type": "a"})).status_code == 200
    assert site.admission.in_flight == 0


async def test_a_flooding_source_leaves_room_for_a_quiet_one(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.admission.configure(AdmissionSettings(max_in_flight=40))
    site.log.waiting = []
    flood = [
        asyncio.create_task(client.post(TRIGGER, json={"type": "a", "source": "flood"}))
        for _ in range(80)
    ]
    async with asyncio.timeout(10):
        while sum(task.done() for task in flood) < 50:
            await asyncio.sleep(0)
    held = len(site.log.waiting)
    quiet = asyncio.create_task(client.post(TRIGGER, json={"type": "a", "source": "quiet"}))
    await under_way(site, held + 1)
    site.log.go_on()

    assert (await quiet).status_code == 200
    answers = [await task for task in flood]
    codes = [a.json().get("code") for a in answers if a.status_code == 503]
    assert set(codes) == {"server.share"}
    assert held + len(codes) == 80
    assert site.admission.in_flight == 0


async def test_large_bodies_hold_no_more_than_allowed_together(client: httpx.AsyncClient) -> None:
    async with serving(Site(fast=True)) as site, site.client() as fast:
        site.admission.configure(AdmissionSettings(max_in_flight_bytes=1_000_000))
        site.log.waiting = []
        body = {"type": "a", "data": "x" * 600_000}
        first = asyncio.create_task(fast.post(TRIGGER, json=body))
        await under_way(site, 1)
        assert site.admission.held_bytes > 600_000
        second = await fast.post(TRIGGER, json=body)
        small = asyncio.create_task(fast.post(TRIGGER, json={"type": "a"}))
        await under_way(site, 2)
        site.log.go_on()

        await refused(second, 503, "server.busy")
        assert (await first).status_code == 200
        assert (await small).status_code == 200
        assert site.admission.held_bytes == 0
        assert (await fast.post(TRIGGER, json=body)).status_code == 200
        assert site.admission.held_bytes == 0


@pytest.fixture
async def shared() -> AsyncIterator[tuple[Site, MemoryLimits, httpx.AsyncClient]]:
    async with serving(Site(fast=True)) as site, site.client() as client:
        limit(site, Limit("source", Rate(0.001, 2), (("free", None),)))
        yield site, share(site), client


async def test_only_what_a_limit_concerns_is_asked_elsewhere(
    shared: tuple[Site, MemoryLimits, httpx.AsyncClient],
) -> None:
    _, limits, client = shared
    answer = await client.post(TRIGGER, json={"type": "a", "source": "free"})
    assert (answer.status_code, limits.asked) == (200, 0)
    await client.post(BATCH, json=[{"type": "a", "source": "free"}, {"type": "b"}])
    assert limits.asked == 1


@pytest.mark.parametrize("how", ["away", "late"])
async def test_without_the_shared_limits_the_nodes_own_count(
    shared: tuple[Site, MemoryLimits, httpx.AsyncClient], how: str
) -> None:
    _, limits, client = shared
    setattr(limits, {"away": "usable", "late": "answers"}[how], False)
    answers = [await client.post(TRIGGER, json={"type": "a"}) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    await refused(answers[2], 429, "rate.limited")
    limits.usable = limits.answers = True
    answers = [await client.post(TRIGGER, json={"type": "a"}) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]


async def test_events_of_all_kinds_wait_for_the_shared_limits(
    shared: tuple[Site, MemoryLimits, httpx.AsyncClient],
) -> None:
    site, limits, client = shared
    later = {"type": "a", "source": "later", "deliver_at": "2100-01-01T00:00:00Z"}
    assert (await client.post(TRIGGER, json=later)).status_code == 400
    assert limits.asked == 0
    soon = {"type": "a", "subject": "s", "source": "if"}
    headers = {"if-none-match": "*"}
    assert (await client.post(TRIGGER, json=soon, headers=headers)).status_code == 200
    assert (await client.post(TRIGGER, json=soon, headers=headers)).status_code == 412
    assert (await client.post(TRIGGER, json=soon, headers=headers)).status_code == 429
    assert limits.asked == 3
    assert site.admission.in_flight == 0
