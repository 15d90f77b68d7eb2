"""Ten thousand idle clients, and no file handles left: others are served, nothing is lost."""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles

import httpx

from tests.support.crowd import crowd
from tests.support.process import NodeProcess, read_all
from tests.support.waiting import PATIENCE_SECONDS, wait_until

IDLE = int(os.environ.get("IDLE", "10000"))
PATIENT = "server: {{header_timeout: 300s, keep_alive: 300s, max_connections: {}}}\n"
EACH = 16 * 1024
"""Bytes that an idle connection may cost."""
GREEDY = [Path(__file__).parent / "listeners" / "greedy.py"]


def trigger(client: httpx.Client, id_: str) -> httpx.Response:
    return client.post("/api/events/trigger", json={"type": "a", "source": "s", "id": id_})


def codes(node: NodeProcess) -> list[str]:
    """The codes that the log tells, in their order."""
    return [m["context"]["code"] for m in node.messages() if "code" in m["context"]]


def stored(node: NodeProcess) -> list[str]:
    with node.client() as client:
        page = client.get("/api/events", params={"source": "s", "limit": 1000, "order": "oldest"})
    return [event["id"] for event in page.json()["events"]]


def test_ten_thousand_idle_connections_cost_little_and_hold_up_nobody(tmp_path: Path) -> None:
    soft = ["prlimit", f"--nofile=1024:{resource.getrlimit(resource.RLIMIT_NOFILE)[1]}"]
    with NodeProcess(tmp_path, PATIENT.format(16_384), prefix=soft) as node, patient(node) as one:
        assert trigger(one, "first").status_code == 200
        before = node.rss_bytes()
        with crowd(node.port, IDLE) as open_:
            wait_until(lambda: node.metrics()["http_connections"] == open_ + 1)
            each = (node.rss_bytes() - before) / open_
            seconds = [timed(one, f"e-{number}") for number in range(200)]
            assert rests(node)
            with node.client() as new:
                assert new.get("/health").json()["status"] == "ok"
        p50, p99 = (1000 * quantiles(seconds, n=100)[at] for at in (49, 98))
        sys.stderr.write(
            f"{open_} idle connections: {each:.0f} bytes each, a trigger takes {p50:.1f} ms "
            f"(p99 {p99:.1f} ms)\n"
        )
        assert each < EACH
        wait_until(lambda: node.metrics()["http_connections"] == 1)
        with crowd(node.port, IDLE):
            assert node.stop() == 0
    assert codes(node) == []


def patient(node: NodeProcess) -> httpx.Client:
    """A client whose connection stays, however long it is idle."""
    return node.client(limits=httpx.Limits(keepalive_expiry=None))


def rests(node: NodeProcess, seconds: float = 1.0) -> bool:
    """Whether a node that nobody asks for anything uses less than half a processor."""
    busy, began = node.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    return node.cpu_seconds() - busy < 0.5 * (time.monotonic() - began)


def timed(client: httpx.Client, id_: str) -> float:
    began = time.monotonic()
    assert trigger(client, id_).status_code == 200
    return time.monotonic() - began


def test_more_connections_than_allowed_are_turned_away_with_a_word(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, PATIENT.format(40)) as node, patient(node) as client:
        assert trigger(client, "first").status_code == 200
        with crowd(node.port, 39):
            for _ in range(3):
                with socket.create_connection(
                    ("127.0.0.1", node.port), PATIENCE_SECONDS
                ) as one_more:
                    head, _, body = read_all(one_more).partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 503 ")
                assert b"\r\nretry-after: " in head
                assert json.loads(body)["code"] == "server.connections"
            assert trigger(client, "second").status_code == 200
            told = node.metrics()
            assert told["http_connections"] == 40
            assert told["http_connections_refused_total"] == 3
        wait_until(lambda: node.metrics()["http_connections"] == 1)
        with node.client() as new:
            assert trigger(new, "third").status_code == 200
        wait_until(lambda: any("accepted again" in m["message"] for m in node.messages()))
        assert codes(node) == ["server.connections"]


def test_few_file_handles_allow_few_connections_and_the_node_lives(tmp_path: Path) -> None:
    few = ("prlimit", "--nofile=128:128")
    with NodeProcess(tmp_path, PATIENT.format(16_384), prefix=few) as node:
        ids = [f"e-{number}" for number in range(300)]
        with patient(node) as client, ExitStack() as others:
            assert trigger(client, ids[0]).status_code == 200
            for _ in range(300):
                others.enter_context(
                    socket.create_connection(("127.0.0.1", node.port), PATIENCE_SECONDS)
                )
            wait_until(lambda: "server.connections" in codes(node))
            assert node.metrics()["http_connections"] == 64
            for id_ in ids[1:]:
                assert trigger(client, id_).status_code == 200
            assert client.get("/api/events", params={"limit": 1}).status_code == 200
            assert client.get("/health").json()["status"] == "ok"
            assert rests(node)
        wait_until(lambda: node.metrics()["http_connections"] <= 1)
        assert stored(node) == ids
        assert node.stop() == 0
    assert codes(node) == ["server.file_handles", "server.connections"]


def test_without_any_file_handle_nothing_is_lost_and_it_is_said_once(tmp_path: Path) -> None:
    few = ("prlimit", "--nofile=160:160")
    with NodeProcess(tmp_path, PATIENT.format(50), GREEDY, prefix=few) as node:
        with patient(node) as client:
            assert client.get("/health").status_code == 200
            taken = client.post("/api/events/trigger", json={"type": "handles.take"}).json()
            assert taken["results"][0]["result"] > 50
            wait_until(lambda: "server.file_handles" in codes(node))
            for _ in range(50):
                with socket.create_connection(
                    ("127.0.0.1", node.port), PATIENCE_SECONDS
                ) as one_more:
                    assert read_all(one_more) == b""  # closed at once, not left to wait
            accepted = [f"e-{n}" for n in range(300) if trigger(client, f"e-{n}").is_success]
            assert rests(node, 6.0)  # the system metrics are read every five seconds
            given = client.post("/api/events/trigger", json={"type": "handles.give"}).json()
            assert given["results"][0]["result"] == 0
        assert len(accepted) == 300
        wait_until(lambda: any("handles again" in m["message"] for m in node.messages()))
        assert stored(node) == accepted
        with node.client() as client:
            assert client.get("/health").json()["status"] == "ok"
        assert node.metrics()["eventlog_head_offset"] == 302
        assert node.stop() == 0
    assert codes(node) == ["server.file_handles"]
    assert [m["message"] for m in node.messages() if m["level"] == "ERROR"] == [
        m["message"] for m in node.messages() if "code" in m["context"]
    ]


def test_slow_clients_of_the_metrics_port_are_closed_and_few(tmp_path: Path) -> None:
    """It has no settings of its own: ten seconds for a request, 64 connections."""
    with NodeProcess(tmp_path) as node, ExitStack() as slow:
        began = time.monotonic()
        address = ("127.0.0.1", node.metrics_port)
        crowd_of = [
            slow.enter_context(socket.create_connection(address, PATIENCE_SECONDS))
            for _ in range(64)
        ]
        for connection in crowd_of[::2]:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        with socket.create_connection(address, PATIENCE_SECONDS) as one_more:
            assert b'"server.connections"' in read_all(one_more)
        for connection in crowd_of:
            assert read_all(connection) == b""
        assert time.monotonic() - began > 8
        assert node.metrics()["http_connections"] == 0
    assert codes(node) == ["server.connections"]


def test_an_idle_connection_is_kept_as_long_as_the_setting_says(tmp_path: Path) -> None:
    config = "server: {keep_alive: 12s}"
    ask = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    with NodeProcess(tmp_path, config) as node, ExitStack() as stack:
        idle = stack.enter_context(
            socket.create_connection(("127.0.0.1", node.port), PATIENCE_SECONDS)
        )
        for _ in range(2):
            idle.sendall(ask)
            answer = b""
            while not answer.endswith(b"}"):
                answer += idle.recv(4096)
            assert not select.select([idle], [], [], 6)[0]
        assert idle.recv(1) == b""
