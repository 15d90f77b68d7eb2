"""Too much at once: refused early, fairly and with a word, and all that was accepted is kept."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TypeAlias

import httpx

from tests.support.process import NodeProcess, read_all
from tests.support.waiting import PATIENCE_SECONDS, wait_until

Counts: TypeAlias = dict[str, Counter[int | str]]
MIB = 1024 * 1024
LISTENERS = [Path(__file__).parent / "listeners" / "slow.py"]
HEAD = "POST /api/events/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def stored(node: NodeProcess) -> list[str]:
    with node.client() as client:
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = client.get("/api/events", params={"limit": 1000, **cursor}).json()
            found += [event["id"] for event in page["events"]]
            if page["next"] is None:
                return found
            cursor = {"cursor": page["next"]}


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert int(answer.headers["retry-after"]) >= 1


def unread(node: NodeProcess, size: int) -> tuple[int, dict[str, object]]:
    """The answer to a large request of which only the head is ever sent."""
    with socket.create_connection(("127.0.0.1", node.port), PATIENCE_SECONDS) as connection:
        connection.sendall(f"{HEAD}Content-Length: {size}\r\n\r\n".encode())
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert b"\r\nretry-after: " in head
    return int(head.split(b" ", 2)[1]), json.loads(body)


async def flood(
    node: NodeProcess, sources: dict[str, int], is_enough: Callable[[Counts], bool]
) -> Counts:
    """So many clients of each source, each sending one event after the other until it is enough.

    What became of each source's requests: `sent`, and how often each status; the ids of those
    that were accepted are in `accepted`.
    """
    counts = {source: Counter[int | str]() for source in sources}
    least, most = time.monotonic() + 2.0, time.monotonic() + PATIENCE_SECONDS
    limits = httpx.Limits(max_connections=None)

    async def send(client: httpx.AsyncClient, source: str, number: int) -> None:
        sent = 0
        while (now := time.monotonic()) < least or (now < most and not is_enough(counts)):
            id_ = f"{source}-{number}-{sent}"
            sent += 1
            answer = await client.post(
                "/api/events/trigger", json={"type": "slow.a", "source": source, "id": id_}
            )
            counts[source][answer.status_code] += 1
            if answer.status_code == 200:
                counts[source][id_] += 1
            else:
                code = answer.json()["code"]
                assert code in ("server.share", "server.busy")
                assert answer.headers["retry-after"]
                await asyncio.sleep(0.02)

    async with httpx.AsyncClient(
        base_url=node.url, limits=limits, timeout=PATIENCE_SECONDS
    ) as client:
        await asyncio.gather(
            *(send(client, source, n) for source, many in sources.items() for n in range(many))
        )
    return counts


async def test_under_overload_a_greedy_source_leaves_the_others_their_places(
    tmp_path: Path,
) -> None:
    with NodeProcess(tmp_path, "server: {max_in_flight: 24}", LISTENERS) as node:
        sources = {"greedy": 60, "modest-1": 1, "modest-2": 1, "modest-3": 1}

        def is_enough(counts: Counts) -> bool:
            return (
                counts["greedy"][503] > 0
                and counts["greedy"][200] > 0
                and all(counts[f"modest-{n}"][200] >= 2 for n in (1, 2, 3))
            )

        counts = await flood(node, sources, is_enough)
        accepted = {id_ for found in counts.values() for id_ in found if isinstance(id_, str)}
        assert counts["greedy"][503] > 0
        assert counts["greedy"][200] > 0
        for source in ("modest-1", "modest-2", "modest-3"):
            assert counts[source][503] == 0  # each finds a place, every time
            assert counts[source][200] >= 2
        assert sorted(stored(node)) == sorted(accepted)
        wait_until(lambda: node.metrics()["requests_in_flight"] == 0)


async def test_none_of_several_greedy_sources_is_starved(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, "server: {max_in_flight: 24}", LISTENERS) as node:

        def is_enough(counts: Counts) -> bool:
            found = counts.values()
            return all(each[503] for each in found) and sum(each[200] for each in found) > 200

        counts = await flood(node, {"one": 30, "two": 30, "three": 30}, is_enough)
        got = [counts[source][200] for source in ("one", "two", "three")]
        assert all(counts[source][503] for source in ("one", "two", "three"))
        assert min(got) >= sum(got) / 10


def test_a_full_backlog_refuses_before_anything_is_read_and_opens_again(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, "event: {max_backlog: 50}", LISTENERS) as node:
        accepted: list[str] = []
        with node.client() as client:

            def take() -> int:
                id_ = f"e-{len(accepted)}"
                answer = client.post("/api/events/trigger", json={"type": "held.a", "id": id_})
                if answer.status_code == 200:
                    accepted.append(id_)
                else:
                    refused(answer, 503, "backlog.full")
                return answer.status_code

            wait_until(lambda: take() == 503)
            before = node.rss_bytes()
            status, problem = unread(node, 10 * MIB)
            assert (status, problem["code"], problem["where"]) == (503, "backlog.full", "held")
            assert node.rss_bytes() < before + 8 * MIB
            assert client.get("/health").json()["status"] == "ok"
            assert client.get("/api/events", params={"limit": 1}).status_code == 200
            (tmp_path / "go").touch()
            wait_until(lambda: take() == 200)
        handled = tmp_path / "slow.log"
        wait_until(lambda: sorted(handled.read_text().split()) == sorted(accepted))
        assert sorted(stored(node)) == sorted(accepted)


def test_a_busy_node_refuses_a_large_body_before_it_is_sent(tmp_path: Path) -> None:
    event = b'{"type":"gate.a"}'
    one = f"{HEAD.replace('batch', 'trigger')}Content-Length: {len(event)}\r\n\r\n".encode()
    with NodeProcess(tmp_path, "server: {max_in_flight: 1}", LISTENERS) as node:
        with socket.create_connection(("127.0.0.1", node.port), PATIENCE_SECONDS) as busy:
            busy.sendall(one + event)
            wait_until(lambda: node.metrics()["requests_in_flight"] == 1)
            status, problem = unread(node, 10 * MIB)
            assert (status, problem["code"]) == (503, "server.busy")
            (tmp_path / "go").touch()
            assert busy.recv(100).startswith(b"HTTP/1.1 200 ")
        assert node.metrics()['events_refused_total{code="server.busy"}'] == 1


def test_unfinished_requests_share_a_bounded_memory(tmp_path: Path) -> None:
    config = "server: {max_in_flight_bytes: 8MiB, header_timeout: 60s, body_timeout: 60s}"
    beginnings = (
        f"{HEAD}X-Long: {'x' * 60_000}",
        f"{HEAD}Content-Length: 65000\r\n\r\n{'[' * 64_000}",
        f"{HEAD}Transfer-Encoding: chunked\r\n\r\nf000\r\n{'[' * 60_000}",
        f"{HEAD}Content-Length: 9000000\r\n\r\n{'[' * 900_000}",
    )
    with NodeProcess(tmp_path, config) as node, node.client() as client:
        assert client.post("/api/events/trigger", json={"type": "a"}).status_code == 200
        before = node.rss_bytes()
        for beginning in map(str.encode, beginnings):
            with ExitStack() as slow:
                connections = [
                    slow.enter_context(
                        socket.create_connection(("127.0.0.1", node.port), PATIENCE_SECONDS)
                    )
                    for _ in range(400)
                ]
                for connection in connections:
                    with suppress(BrokenPipeError, ConnectionResetError):
                        connection.sendall(beginning)
                    connection.setblocking(False)
                wait_until(lambda: any(b'"server.busy"' in answer(c) for c in connections))  # noqa: B023
                assert node.metrics()["request_bytes_in_flight"] <= 9 * MIB
                small = client.post("/api/events/trigger", json={"type": "a"})
                assert small.status_code == 200
            wait_until(lambda: node.metrics()["request_bytes_in_flight"] == 0)
        assert node.rss_bytes() < before + 48 * MIB


def answer(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except (BlockingIOError, ConnectionResetError):
        return b""


def test_limits_are_told_and_hold_for_exactly_their_events(tmp_path: Path) -> None:
    config = "limits: {per_source: {rate: 0.001, burst: 5}, per_type: {rate: 1000}}"
    with NodeProcess(tmp_path, config) as node, node.client() as client:
        answers = [
            client.post("/api/events/trigger", json={"type": "a", "source": f"s{n % 3}"})
            for n in range(30)
        ]
        accepted = [answer.json()["id"] for answer in answers if answer.status_code == 200]
        for answer in answers:
            told = answer.headers["ratelimit-policy"]
            assert '"per_source";q=5;w=5000' in told
            assert '"per_source";r=' in answer.headers["ratelimit"]
            if answer.status_code != 200:
                refused(answer, 429, "rate.limited")
        assert len(accepted) == 15  # five each
        assert sorted(stored(node)) == sorted(accepted)
