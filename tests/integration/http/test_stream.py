from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from event_system.http import tail as tail_module
from event_system.http.tail import MAX_QUEUED_EVENTS
from tests.support.delivery import feed
from tests.support.rows import row
from tests.support.site import Site, serving
from tests.support.sse import following
from tests.support.waiting import until


@pytest.fixture(params=["application", "protocol"])
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with serving(Site(fast=request.param == "protocol")) as running:
        yield running


async def test_events_come_as_they_are_stored(site: Site, client: httpx.AsyncClient) -> None:
    async with following(client) as stream:
        await _live(site)
        await site.trigger("player.login", subject="Mo", data={"text": "a\nb"})
        sent = await stream.next()

    assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (sent.kind, sent.id) == ("event", "1")
    assert sent.data["type"] == "player.login"
    assert sent.data["data"] == {"text": "a\nb"}


async def test_data_with_line_breaks_stays_one_frame(site: Site, client: httpx.AsyncClient) -> None:
    body = b'{"type": "a",\r\n "data": {\r\n\t"n":\n1}}'
    async with following(client) as stream:
        await _live(site)
        headers = {"content-type": "application/json"}
        await client.post("/api/events/trigger", content=body, headers=headers)
        sent = await stream.next()

    assert sent.data["data"] == {"n": 1}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"type": "player.*"}, [2, 4]),
        ({"subject": "Mo"}, [1, 4]),
        ({"source": "game"}, [1, 2, 3, 4]),
        ({"type": "player.>", "subject": "Mo", "source": "game"}, [4]),
    ],
)
@pytest.mark.parametrize("resumed", [False, True])
async def test_only_wanted_events_come(
    site: Site, client: httpx.AsyncClient, query: dict[str, str], expected: list[int], resumed: bool
) -> None:
    async def fill() -> None:
        await site.trigger("activity.start", source="game", subject="Mo")
        await site.trigger("player.login", source="game", subject="Li")
        await site.trigger("activity.end", source="game")
        await site.trigger("player.login", source="game", subject="Mo")
        await site.trigger("other.type", source="other", subject="Nobody")

    if resumed:
        await fill()
        query = {**query, "last_event_id": "0"}
    async with following(client, params=query) as stream:
        if not resumed:
            await _live(site)
            await fill()
        offsets = [(await stream.next()).offset for _ in expected]

    assert offsets == expected


@pytest.mark.parametrize("by", ["header", "query"])
async def test_a_stream_resumes_and_goes_live_without_loss_or_duplicate(
    site: Site, client: httpx.AsyncClient, by: str
) -> None:
    feed(site.log, 1_700)
    headers = {"last-event-id": "3"} if by == "header" else {}
    query = {"last_event_id": "3"} if by == "query" else {}
    stop = asyncio.Event()

    async def keep_feeding() -> None:
        while not stop.is_set():
            feed(site.log, 7)
            await asyncio.sleep(0)

    feeder = asyncio.create_task(keep_feeding())
    async with following(client, headers=headers, params=query) as stream:
        offsets = [(await stream.next()).offset for _ in range(4_000)]
        stop.set()
    await feeder

    assert offsets == list(range(4, 4_004))


async def test_the_header_of_a_reconnect_wins_over_the_first_address(
    site: Site, client: httpx.AsyncClient
) -> None:
    feed(site.log, 5)
    headers = {"last-event-id": "4"}
    async with following(client, params={"last_event_id": "0"}, headers=headers) as stream:
        assert (await stream.next()).offset == 5


async def test_an_id_from_the_future_means_from_now_on(
    site: Site, client: httpx.AsyncClient
) -> None:
    feed(site.log, 2)
    async with following(client, params={"last_event_id": "999"}) as stream:
        await _live(site)
        feed(site.log, 1)
        assert (await stream.next()).offset == 3


@pytest.mark.parametrize("value", ["-1", "x", "1.5"])
async def test_a_wrong_last_event_id_is_refused(client: httpx.AsyncClient, value: str) -> None:
    answer = await client.get("/api/events/stream", headers={"last-event-id": value})

    assert (answer.status_code, answer.json()["where"]) == (400, "Last-Event-ID")


async def test_a_heartbeat_moves_the_id_past_what_a_filter_left_out() -> None:
    async with (
        serving(Site(heartbeat=0.05)) as site,
        site.client() as client,
        following(client, params={"type": "never"}) as stream,
    ):
        await _live(site)
        feed(site.log, 3)
        await until(lambda: site.tail.published == 3)
        await stream.heartbeat()
        await stream.heartbeat()

    assert stream.last_id == "3"


def _read_all(raw: socket.socket, text: bytes, wanted: Callable[[bytes], bool]) -> bytes:
    while not wanted(text):
        chunk = raw.recv(1 << 20)
        assert chunk, "the stream ended"
        text += chunk
    return text


async def test_a_slow_client_gets_a_gap_marker_and_goes_on_live(site: Site) -> None:
    raw = socket.create_connection(("127.0.0.1", site.server.port))
    raw.sendall(b"GET /api/events/stream HTTP/1.1\r\nhost: x\r\n\r\n")
    await _live(site)
    [stream] = site.tail._live
    data = b'"' + b"x" * 2_000 + b'"'

    gap = stream._gap
    while gap is None:  # the client reads nothing: sockets, then the queue fill up
        for _ in range(200):
            site.log.submit([row(f"e{site.log.head + 1}", data=data)], lambda appended: None)
        assert len(stream._queue) <= MAX_QUEUED_EVENTS
        await asyncio.sleep(0)
        gap = stream._gap
    site.log.submit([row("last", data=b'"the last"')], lambda appended: None)
    text = await asyncio.to_thread(_read_all, raw, b"", lambda text: b"the last" in text)
    raw.close()

    offsets, gaps = _offsets(text)
    assert len(gaps) == 1
    first, last = gaps[0]
    lost = set(range(1, site.log.head + 1)) - set(offsets)
    assert lost == set(range(first, last + 1))
    assert offsets == sorted(offsets)
    assert offsets[-1] == site.log.head


def _offsets(text: bytes) -> tuple[list[int], list[tuple[int, int]]]:
    offsets, gaps = [], []
    for line in text.split(b"\n"):
        if line.startswith(b"id: "):
            offsets.append(int(line[4:]))
        elif line.startswith(b'data: {"from"'):
            found = json.loads(line[6:])
            gaps.append((found["from"], found["to"]))
    return offsets, gaps


async def test_a_client_that_vanishes_is_freed(site: Site, client: httpx.AsyncClient) -> None:
    async with following(client):
        await _live(site)
        assert site.tail.streams == 1

    await until(lambda: site.tail.streams == 0)
    assert site.tail._live == []


async def test_closing_ends_every_stream_at_once(site: Site, client: httpx.AsyncClient) -> None:
    async with following(client) as stream:
        await _live(site)
        site.tail.close()
        assert await stream.ended()

    answer = await client.get("/api/events/stream")
    assert (answer.status_code, answer.json()["code"]) == (503, "node.stopping")


async def test_a_client_that_reads_nothing_does_not_hold_the_shutdown(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = socket.create_connection(("127.0.0.1", site.server.port))
    raw.sendall(b"GET /api/events/stream HTTP/1.1\r\nhost: x\r\n\r\n")
    await _live(site)
    [stream] = site.tail._live
    data = b'"' + b"x" * 100_000 + b'"'
    while stream._gap is None:
        site.log.submit([row(f"e{site.log.head + 1}", data=data)], lambda appended: None)
        await asyncio.sleep(0)

    site.tail.close()

    await until(lambda: site.tail.streams == 0)
    assert stream.ended.is_set()
    raw.close()


async def test_only_so_many_streams_are_open(
    site: Site, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "MAX_STREAMS", 1)
    async with following(client):
        answer = await client.get("/api/events/stream")
        assert (answer.status_code, answer.json()["code"]) == (503, "stream.limit")
        assert answer.headers["retry-after"] == "2"

    await until(lambda: site.tail.streams == 0)
    async with following(client) as stream:
        assert stream.response.status_code == 200


async def _live(site: Site) -> None:
    """Wait until a stream is fed."""
    await until(lambda: bool(site.tail._live))
