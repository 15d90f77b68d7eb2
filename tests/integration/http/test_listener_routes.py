"""Pausing, resuming and purging listeners over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from event_system.http.bodies import instant_us
from event_system.kernel.clock import rfc3339
from tests.support.site import Site, listener_status

HOUR_US = 3_600_000_000


def seconds_ahead(site: Site, status: dict[str, Any]) -> float:
    return (instant_us(status["paused_until"], "") - site.clock.now_us()) / 1e6


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b"", 3600),
        (b"{}", 3600),
        (b"null", 3600),
        (b'{"for": "90s"}', 90),
        (b'{"for": "15m"}', 900),
        (b'{"for": "1d"}', 86_400),
    ],
)
async def test_a_pause_always_has_an_end(
    site: Site, client: httpx.AsyncClient, body: bytes, seconds: int
) -> None:
    site.deliveries.statuses = [listener_status("a")]

    answer = await client.post("/api/listeners/a/pause", content=body)

    status = answer.json()
    assert (answer.status_code, status["state"]) == (200, "paused")
    assert abs(seconds_ahead(site, status) - seconds) <= 2


async def test_a_pause_until_a_moment_ends_then(site: Site, client: httpx.AsyncClient) -> None:
    site.deliveries.statuses = [listener_status("a")]
    until = rfc3339(site.clock.now_us() + HOUR_US)

    answer = await client.post("/api/listeners/a/pause", json={"until": until})

    assert answer.json()["paused_until"] == until


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"for": "1h", "until": "2100-01-01T00:00:00Z"}', "until"),
        (b'{"for": "0s"}', "for"),
        (b'{"for": "31d"}', "for"),
        (b'{"for": "999999999d"}', "for"),
        (b'{"for": "soon"}', "for"),
        (b'{"for": 3600}', "for"),
        (b'{"until": "2020-01-01T00:00:00Z"}', "until"),
        (b'{"until": "2100-01-01T00:00:00Z"}', "until"),
        (b'{"until": "2026-11-21T12:00:00"}', "until"),
        (b'{"untill": "x"}', None),
        (b"[]", None),
        (b"{", None),
        (b'{"for": "\xff"}', None),
        (b"[" * 60_000, None),
    ],
)
async def test_a_body_that_says_no_end_is_refused_by_its_place(
    site: Site, client: httpx.AsyncClient, body: bytes, where: str | None
) -> None:
    site.deliveries.statuses = [listener_status("a")]

    answer = await client.post("/api/listeners/a/pause", content=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "request.invalid")
    assert answer.json().get("where") == where
    assert site.deliveries.statuses == [listener_status("a")]


async def test_a_body_without_end_is_refused(site: Site, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/listeners/a/pause", content=b" " * 70_000)

    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


@pytest.mark.parametrize("name", ["a", "a/b", "ä b", "a%2Fb", "pause"])
async def test_a_listener_of_any_name_is_paused_resumed_and_purged(
    site: Site, client: httpx.AsyncClient, name: str
) -> None:
    site.deliveries.statuses = [listener_status("other"), listener_status(name)]
    path = f"/api/listeners/{quote(name, safe='')}"

    paused = (await client.post(f"{path}/pause")).json()
    shown = (await client.get(path)).json()
    resumed = (await client.post(f"{path}/resume")).json()
    site.deliveries.statuses[1] = listener_status(name, state="removed", lag=4)
    purged = (await client.delete(path)).json()

    assert [each["name"] for each in (paused, shown, resumed, purged)] == [name] * 4
    assert [each["state"] for each in (paused, shown, resumed, purged)] == [
        *("paused", "paused", "running", "removed")
    ]
    assert [status.name for status in site.deliveries.statuses] == ["other"]


async def test_what_cannot_be_done_is_a_conflict_or_not_found(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.deliveries.statuses = [listener_status("sync", mode="sync"), listener_status("on")]

    answers = [
        await client.post("/api/listeners/sync/pause"),
        await client.post("/api/listeners/sync/resume"),
        await client.delete("/api/listeners/on"),
        await client.post("/api/listeners/none/pause"),
        await client.post("/api/listeners/none/resume"),
        await client.delete("/api/listeners/none"),
        await client.post("/api/listeners/on/pawse"),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        *((409, "listener.sync"), (409, "listener.sync"), (409, "listener.loaded")),
        *((404, "listener.not_found"),) * 3,
        (404, "request.not_found"),
    ]
