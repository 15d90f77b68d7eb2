"""Whatever a client sends: a clear answer or a clean close, and bounded memory."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Iterator

import pytest

from tests.support.process import NodeProcess, read_all
from tests.support.waiting import PATIENCE_SECONDS

MIB = 1024 * 1024
CONFIG = """
server: {header_timeout: %(wait)s, body_timeout: %(wait)s, keep_alive: 1s, max_body_size: 1MiB}
event: {max_event_size: 64KiB, max_batch_events: 100}
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    with NodeProcess(tmp_path_factory.mktemp("hostile"), CONFIG % {"wait": "60s"}) as running:
        yield running


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node that waits for nobody's bytes for long."""
    with NodeProcess(tmp_path_factory.mktemp("hasty"), CONFIG % {"wait": "3s"}) as running:
        yield running


def request(body: bytes, *headers: str, path: str = "/api/events/trigger") -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def problem(answer: bytes) -> dict[str, object]:
    assert b"application/problem+json" in answer
    return dict(json.loads(answer.partition(b"\r\n\r\n")[2]))


JSON = "Content-Type: application/json"
CLOSE = "Connection: close"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "event.malformed"),
        (b"{", "event.malformed"),
        (b'{"type":"\xff"}', "event.malformed"),
        (b'{"type":"a","data":"\xff"}', "event.malformed"),
        (b'{"type":1}', "event.invalid"),
        (b'{"typo":"a"}', "event.invalid"),
        (b"[]", "event.invalid"),
        (b'{"type":"no spaces"}', "event.invalid"),
        (b'{"type":"a","id":"\\u0000"}', "event.invalid"),
        (b'{"type":"a","time":"9999-12-31T23:59:59-01:00"}', "event.invalid"),
        (b'{"type":"a","time":"0001-01-01T00:00:00+01:00"}', "event.invalid"),
        (b'{"type":"a","data":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "event.malformed"),
        (b'{"type":"a","data":"' + b"x" * 70_000 + b'"}', "event.too_large"),
        (b'{"type":"a","data":"' + b"x" * 200_000 + b'"}', "request.too_large"),
    ],
)
def test_a_bad_event_is_refused_with_its_reason(node: NodeProcess, body: bytes, code: str) -> None:
    answer = node.raw(request(body, JSON, CLOSE))
    assert problem(answer)["code"] == code
    assert 400 <= status(answer) < 500


@pytest.mark.parametrize("header", ["X-None: 1", "Content-Type: text/plain", "Content-Type: "])
def test_another_content_type_is_refused(node: NodeProcess, header: str) -> None:
    assert status(node.raw(request(b'{"type":"a"}', header, CLOSE))) == 415


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /api/events/trigger HTTP/9.9\r\n\r\n",
        b"POST /api/events/trigger HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/events/trigger HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n",
        b"POST /api/events/trigger HTTP/1.1\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
        b"POST /api/events/trigger HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        (
            b"POST /api/events/trigger HTTP/1.1\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_malformed_http_gets_a_problem_and_a_close(node: NodeProcess, data: bytes) -> None:
    answer = node.raw(data)
    assert answer == b"" or 400 <= status(answer) < 500


def test_a_declared_gibibyte_is_refused_before_it_is_sent(node: NodeProcess) -> None:
    head = (
        f"POST /api/events/batch HTTP/1.1\r\nHost: x\r\n{JSON}\r\n"
        f"Content-Length: {1024 * MIB}\r\n\r\n"
    )
    assert status(node.raw(head.encode())) == 413


@pytest.mark.parametrize("path", ["/api/events/batch", "/api/events/test", "/health", "/nowhere"])
def test_an_endless_chunked_body_is_cut_off_in_bounded_memory(node: NodeProcess, path: str) -> None:
    before = node.rss_bytes()
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with socket.create_connection(("127.0.0.1", node.port), PATIENCE_SECONDS) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        sent = 0
        try:
            while sent < 256 * MIB:
                connection.sendall(chunk)
                sent += 65536
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sent < 64 * MIB
    assert node.rss_bytes() < before + 32 * MIB


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"POST /api/ev",
        b"POST /api/events/trigger HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /api/events/trigger HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"GET /health HTTP/1.1\r\nHost: x\r\n",
    ],
)
def test_a_client_that_never_finishes_is_closed(hasty: NodeProcess, beginning: bytes) -> None:
    answer = hasty.raw(beginning)
    assert answer == b"" or problem(answer)["code"] == "request.timeout"


@pytest.mark.parametrize("beginning", ["GET /health HTTP/1.1\r\nX: ", "GET /", "chunked", "long"])
def test_a_client_that_drips_bytes_for_ever_is_closed(hasty: NodeProcess, beginning: str) -> None:
    head = "POST /api/events/batch HTTP/1.1\r\nHost: x\r\n"
    bodies = {
        "chunked": f"{head}Transfer-Encoding: chunked\r\n\r\nfff\r\n",
        "long": f"{head}Content-Length: 1000\r\n\r\n",
    }
    with socket.create_connection(("127.0.0.1", hasty.port), PATIENCE_SECONDS) as connection:
        connection.sendall(bodies.get(beginning, beginning).encode())
        drops = 0
        while not select.select([connection], [], [], 0.1)[0]:
            connection.sendall(b"G")
            drops += 1
            assert drops < 900  # fewer than the body or the headers may have
        answer = read_all(connection)
    assert problem(answer)["code"] == "request.timeout"


def test_endless_headers_are_refused(node: NodeProcess) -> None:
    with socket.create_connection(("127.0.0.1", node.port), PATIENCE_SECONDS) as connection:
        try:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
            for number in range(20_000):
                connection.sendall(b"X-%d: aaaaaaaaaaaaaaaaaaaa\r\n" % number)
        except (BrokenPipeError, ConnectionResetError):
            return
        answer = read_all(connection)
    assert answer == b"" or status(answer) == 431


def test_pipelined_requests_are_answered_in_their_order(node: NodeProcess) -> None:
    bodies = [
        request(b'{"type":"a","id":"p%d"}' % n, JSON) if n % 3 else request(b"{", JSON)
        for n in range(1, 40)
    ]
    last = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = node.raw(b"".join(bodies) + last)
    parts = answer.split(b"HTTP/1.1 ")[1:]
    assert len(parts) == 40
    for number, part in enumerate(parts[:-1], 1):
        expected = b'"id":"p%d"' % number if number % 3 else b"event.malformed"
        assert expected in part


def test_expect_100_continue_is_answered(node: NodeProcess) -> None:
    body = b'{"type":"a"}'
    head = f"POST /api/events/trigger HTTP/1.1\r\nHost: x\r\n{JSON}\r\nExpect: 100-continue\r\n"
    head += f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", node.port), PATIENCE_SECONDS) as connection:
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert status(read_all(connection)) == 200


def test_http_1_0_and_chunked_events_are_taken(node: NodeProcess) -> None:
    old = b"POST /api/events/trigger HTTP/1.0\r\nContent-Type: application/json\r\n"
    assert status(node.raw(old + b'Content-Length: 12\r\n\r\n{"type":"a"}')) == 200
    chunked = (
        b"POST /api/events/trigger HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'5\r\n{"typ\r\n7\r\ne":"a"}\r\n0\r\n\r\n'
    )
    assert status(node.raw(chunked)) == 200


def test_a_batch_over_its_limits_is_refused_whole(node: NodeProcess) -> None:
    with node.client() as client:
        many = client.post("/api/events/batch", json=[{"type": "a"}] * 101)
        bad = client.post("/api/events/batch", json=[{"type": "a", "id": "lone"}, {"type": 1}])
        some = client.post(
            "/api/events/batch?partial=true", json=[{"type": "a", "id": "kept"}, {"type": 1}]
        )
        assert many.status_code == 413
        assert bad.status_code == 400
        assert bad.json()["faults"][0]["index"] == 1
        assert client.get("/api/events/lone").status_code == 404
        assert some.json()["accepted"] == 1
        assert some.json()["faults"][0]["index"] == 1
        assert client.get("/api/events/kept").status_code == 200


def test_the_node_is_well_after_all_this(node: NodeProcess) -> None:
    with node.client() as client:
        assert client.get("/health").json()["status"] == "ok"
        assert client.post("/api/events/test").json()["ok"] is True
    assert node.rss_bytes() < 200 * MIB
