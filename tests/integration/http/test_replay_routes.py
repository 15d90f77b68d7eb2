"""Replays over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from event_system.http.bodies import UNIT_US
from tests.support.site import Site, listener_status


def described(site: Site) -> list[tuple[Any, ...]]:
    return [(r.from_offset, r.until_offset, r.mode, r.rate_limit) for r in site.replays.kept]


async def test_a_replay_is_started_looked_at_and_cancelled(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.deliveries.statuses = [listener_status("a/b")]
    path = "/api/listeners/a%2Fb/replays"

    started = await client.post(path, json={"from": 7})
    second = await client.post(path, json={"from": 7})
    shown = await client.get(f"{path}/1")
    cancelled = await client.delete(f"{path}/1")
    listed = (await client.get(path)).json()

    assert (started.status_code, started.json()["listener"]) == (200, "a/b")
    assert (second.status_code, second.json()["code"]) == (409, "replay.running")
    assert shown.json() == started.json()
    assert cancelled.json()["state"] == "cancelled"
    assert listed == {"replays": [cancelled.json()]}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"from": 7, "until": 9}, (7, 9, "all", None)),
        ({"from": "1970-01-01T00:00:07Z", "until": 9.0, "rate": 0.5}, (7, 9, "all", 0.5)),
        ({"from": 1, "until": "1970-01-01T00:01:00Z", "mode": "missed"}, (1, 60, "missed", None)),
        ({"from": 1, "rate": 1_000_000}, (1, 100, "all", 1_000_000)),
    ],
)
async def test_offsets_and_times_say_which_part(
    site: Site, client: httpx.AsyncClient, body: dict[str, Any], wanted: tuple[Any, ...]
) -> None:
    site.deliveries.statuses = [listener_status("a")]

    answer = await client.post("/api/listeners/a/replays", json=body)

    assert (answer.status_code, described(site)) == (200, [wanted])


async def test_a_time_ago_counts_from_now(site: Site, client: httpx.AsyncClient) -> None:
    site.deliveries.statuses = [listener_status("a")]
    hour_ago = (site.clock.now_us() - UNIT_US["h"]) // 1_000_000

    answer = await client.post("/api/listeners/a/replays", json={"from": "-1h"})

    assert 0 <= answer.json()["from_offset"] - hour_ago <= 5


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", "request.invalid"),
        (b"[]", "request.invalid"),
        (b"{", "request.invalid"),
        (b'{"from": 0}', "request.invalid"),
        (b'{"from": 1.5}', "request.invalid"),
        (b'{"from": true}', "request.invalid"),
        (b'{"from": 4611686018427387905}', "request.invalid"),
        (b'{"from": "soon"}', "query.invalid"),
        (b'{"from": 1, "until": "2026-11-21T12:00:00"}', "query.invalid"),
        (b'{"from": 1, "until": 0}', "request.invalid"),
        (b'{"from": 1, "mode": "some"}', "request.invalid"),
        (b'{"from": 1, "rate": 0}', "request.invalid"),
        (b'{"from": 1, "rate": 1e7}', "request.invalid"),
        (b'{"from": 1, "rate": NaN}', "request.invalid"),
        (b'{"from": 1, "ratio": 1}', "request.invalid"),
    ],
)
async def test_a_body_that_says_no_part_is_refused(
    site: Site, client: httpx.AsyncClient, body: bytes, code: str
) -> None:
    site.deliveries.statuses = [listener_status("a")]

    answer = await client.post("/api/listeners/a/replays", content=body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert site.replays.kept == []


async def test_what_cannot_be_replayed_is_told(site: Site, client: httpx.AsyncClient) -> None:
    site.deliveries.statuses = [listener_status("sync", mode="sync"), listener_status("a")]
    base = "/api/listeners"

    answers = [
        await client.post(f"{base}/sync/replays", json={"from": 1}),
        await client.post(f"{base}/none/replays", json={"from": 1}),
        await client.get(f"{base}/none/replays"),
        await client.get(f"{base}/a/replays/1"),
        await client.delete(f"{base}/a/replays/99999999999999999999999999"),
        await client.get(f"{base}/a/replays/x"),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        *((409, "listener.sync"), (404, "listener.not_found"), (404, "listener.not_found")),
        *((404, "replay.not_found"), (404, "replay.not_found"), (404, "request.not_found")),
    ]
    assert (await client.get(f"{base}/a/replays")).json() == {"replays": []}
