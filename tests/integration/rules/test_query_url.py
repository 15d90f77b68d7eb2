"""Rules that are evaluated on a real Prometheus."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from event_system.database.sqlite.records import SqliteRecords
from event_system.kernel.errors import PromqlError
from event_system.promql.engine import Answer, Limits, at, evaluate
from event_system.promql.ports import Series
from event_system.rules import remote
from event_system.rules.memory import SeriesInMemory
from event_system.rules.model import AlertingRule, Group, RecordingRule
from event_system.rules.ports import Sample
from event_system.rules.remote import Address, PrometheusQuestions
from event_system.rules.runner import RuleRunner
from tests.support.clock import HandClock
from tests.support.prometheus import Prometheus, prometheus_over
from tests.support.rules_world import INTERVAL_MS, PLACE, Told
from tools.ports import free_port

EMPTY = b'{"status":"success","data":{"resultType":"vector","result":[]}}'
NOW_MS = 1_795_262_400_000
TIMES = np.arange(NOW_MS - 600_000, NOW_MS + 1, 15_000)
SERIES = [
    Series(
        (("__name__", "requests_total"), ("job", name)),
        TIMES,
        np.arange(len(TIMES), dtype=np.float64) * step,
    )
    for name, step in (("api", 3.0), ("web", 0.5))
]


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    with prometheus_over(SERIES) as server:
        yield server


@pytest.fixture
def questions(prometheus: Prometheus) -> Iterator[PrometheusQuestions]:
    found = PrometheusQuestions(Address(prometheus.url, 60), time.monotonic)
    yield found
    found.close()


def own(query: str) -> Answer:
    world = SeriesInMemory()
    for labels, times, values in SERIES:
        rows = zip(times.tolist(), values.tolist(), strict=True)
        world.append([Sample(labels, moment, value) for moment, value in rows])
    return evaluate(world, Limits(), at(query, NOW_MS), lambda: None)


@pytest.mark.service("prometheus")
@pytest.mark.parametrize(
    "query",
    [
        "requests_total",
        "rate(requests_total[5m]) > 0.1",
        "sum by (job) (increase(requests_total[2m]))",
        "scalar(count(requests_total)) * 2.5",
        "requests_total / 0 > 1",
        "nothing",
    ],
)
def test_answers_are_those_of_our_own_engine(questions: PrometheusQuestions, query: str) -> None:
    expected, found = own(query), questions.ask(query, NOW_MS)

    assert found.type == expected.type
    rows = [
        sorted((each.labels, float(each.values[-1])) for each in answer.series)
        for answer in (expected, found)
    ]
    assert [labels for labels, _ in rows[0]] == [labels for labels, _ in rows[1]]
    assert np.allclose([v for _, v in rows[0]], [v for _, v in rows[1]], equal_nan=True)


@pytest.mark.service("prometheus")
@pytest.mark.parametrize("query", ["sum(", "requests_total[5m]", "requests_total + on () up"])
def test_what_it_refuses_is_told(questions: PrometheusQuestions, query: str) -> None:
    if query == "requests_total + on () up":
        query = "requests_total * on () requests_total"

    with pytest.raises(PromqlError):
        questions.ask(query, NOW_MS)


@pytest.mark.service("prometheus")
async def test_alerts_fire_there_and_stay_while_it_is_down(
    tmp_path: Path, questions: PrometheusQuestions
) -> None:
    clock, told, world = HandClock(NOW_MS * 1000), Told(), SeriesInMemory()
    text = (("n", "{{ $value }}"),)
    busy = AlertingRule("Busy", "rate(requests_total[5m]) > 0.1", annotations=text)
    group = Group("g", "f", (RecordingRule("jobs", "count(requests_total)"), busy))
    runner = RuleRunner([group], questions, world, clock, PLACE, INTERVAL_MS)
    records = SqliteRecords(tmp_path)
    await runner.begin(records, told)
    await runner.evaluate(runner.runs[0], NOW_MS)
    assert {each.labels["job"]: each.annotations["n"] for each in told.take()} == {"api": "0.2"}
    assert "jobs" in {dict(each)["__name__"] for each in world.series((), 0, NOW_MS)}

    questions.close()  # nobody answers any more
    await runner.close()
    await records.close()


class Answering(BaseHTTPRequestHandler):
    """Answers the same to all that is asked; `asked` keeps who did."""

    body = b""
    asked: ClassVar[list[str | None]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.asked.append(self.headers["authorization"])
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):  # who asked may have heard enough
            self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """The address of a server that answers so."""
    handler = type("Handler", (Answering,), {"body": body})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def refusing(body: bytes) -> str:
    with answering(body) as url:
        return _refused(url.replace("//", "//user:secret@"))


def _refused(url: str) -> str:
    questions = PrometheusQuestions(Address(url, 60), time.monotonic)
    with pytest.raises(PromqlError) as caught:
        questions.ask("up", NOW_MS)
    questions.close()
    assert "secret" not in caught.value.detail
    assert Answering.asked.pop() == "Basic dXNlcjpzZWNyZXQ="
    return caught.value.detail


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"status":"success"}',
        b'{"status":"success","data":{"resultType":"matrix","result":[]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"x"]}]}}',
        b'{"status":"success","data":{"resultType":"scalar","result":7}}',
    ],
)
def test_what_is_no_answer_of_a_prometheus_is_no_answer(body: bytes) -> None:
    assert refusing(body).startswith("http://127.0.0.1:")


def test_an_answer_that_has_no_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MOST_BYTES", 1000)

    assert "over 1,000 bytes" in refusing(b" " * 100_000)


def test_one_that_does_not_answer_is_left_alone_for_a_while() -> None:
    clock = [0.0]
    questions = PrometheusQuestions(
        Address(f"http://127.0.0.1:{free_port()}", 60), lambda: clock[0]
    )
    with pytest.raises(PromqlError) as first:
        questions.ask("up", NOW_MS)
    with answering(EMPTY) as url:
        questions._address = Address(url, 60)
        with pytest.raises(PromqlError) as second:
            questions.ask("up", NOW_MS)
        clock[0] += remote.REST_SECONDS
        assert questions.ask("up", NOW_MS).series == []
    questions.close()

    assert second.value.detail == first.value.detail
