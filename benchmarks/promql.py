"""Queries over 24 h of 500 series, 15 s apart, here and in a Prometheus with the same samples.

A node and a Prometheus, as their users run them, are asked over HTTP, in turns, one connection each.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from benchmarks.harness import KEY, START_SECONDS, node, process, scratch, wait_for
from benchmarks.report import Limit, Run
from event_system.kernel.clock import SystemClock
from event_system.promql.engine import Question, at
from event_system.promql.ports import Labels
from event_system.timeseries.options import StoreOptions
from event_system.timeseries.store import Store
from tools.ports import free_port

STEP_MS, HOURS, SERIES = 15_000, 24, 500
MINUTE = 60_000 // STEP_MS
RATE = "sum by (type) (rate(x[5m]))"
ASKED = 15
"""Times that a query is asked in a round; the median counts."""


def run(run: Run) -> None:
    series = 50 if run.quick else SERIES
    end_ms = int(time.time() * 1000) // STEP_MS * STEP_MS - 60_000
    times = np.arange(end_ms - HOURS * 3_600_000, end_ms + 1, STEP_MS, dtype=np.int64)
    with scratch() as directory, ExitStack() as stack:
        ours = stack.enter_context(_ours(directory / "node", series, times))
        theirs = stack.enter_context(_theirs(directory, series, times))
        for what, question, most in _questions(end_ms):
            _same(ours, theirs, question)
            sides = {
                "ours": partial(_median, partial(ours.ask, question)),
                "theirs": partial(_median, partial(theirs.ask, question)),
            }
            pairs = [(r["ours"], r["theirs"]) for r in run.rounds(sides)]
            run.ratio(f"{what}, ours / Prometheus", pairs, "ms", Limit(at_most=most))


def _questions(end_ms: int) -> list[tuple[str, Question, float]]:
    day = end_ms - HOURS * 3_600_000
    return [
        (f"{RATE}, 24 h at 60 s", Question(RATE, day, end_ms, 60_000), 3),
        (f"{RATE}, now", at(RATE, end_ms), 1.5),
        ("x, 24 h at 5 min", Question("x", day, end_ms, 300_000), 3),
        ("x, now", at("x", end_ms), 1.5),
    ]


def _labels(number: int) -> Labels:
    return (("__name__", "x"), ("instance", f"i{number}"), ("type", f"t{number % 10}"))


def _values(number: int, times: int) -> Any:
    steps = np.random.default_rng(number).integers(0, 20, times)
    return np.cumsum(steps).astype(np.float64)


class _Server:
    """Who answers Prometheus' API on this machine, over one connection."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = headers

    def ask(self, question: Question) -> bytes:
        """The body of an answer. Raises `OSError` where there is none."""
        parameters: dict[str, str | float] = {"query": question.query}
        if question.step_ms is None:
            call, parameters["time"] = "query", question.end_ms / 1000
        else:
            call, parameters["step"] = "query_range", question.step_ms / 1000
            parameters |= {"start": question.start_ms / 1000, "end": question.end_ms / 1000}
        self._connection.request(
            "GET", f"/api/v1/{call}?{urlencode(parameters)}", None, self._headers
        )
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise OSError(f"{question.query}: {answer.status} {body[:300].decode()}")
        return body


@contextmanager
def _ours(directory: Path, series: int, times: Any) -> Iterator[_Server]:
    """A node that finds the samples in its store."""
    store = Store(directory / "data" / "metrics", StoreOptions(), SystemClock())
    labels = [_labels(number) for number in range(series)]
    values = np.array([_values(number, len(times)) for number in range(series)])
    for place, moment in enumerate(times.tolist()):  # as samples come
        at_once = np.full(series, moment, np.int64)
        store.append(labels, at_once, np.ascontiguousarray(values[:, place]))
        if place % MINUTE == 0:
            store.maintain()
    store.close()
    with node(directory) as running:
        yield _Server(running.port, {"Authorization": f"Bearer {KEY}"})


@contextmanager
def _theirs(directory: Path, series: int, times: Any) -> Iterator[_Server]:
    """A Prometheus of the benchmark's own."""
    text = directory / "samples"
    with text.open("w", encoding="utf-8") as file:
        for number in range(series):
            _, instance, type_ = _labels(number)
            head = f'x{{instance="{instance[1]}",type="{type_[1]}"}}'
            pairs = zip(times.tolist(), _values(number, len(times)).tolist(), strict=True)
            file.writelines(f"{head} {value:.0f} {ms / 1000:.3f}\n" for ms, value in pairs)
        file.write("# EOF\n")
    create = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q"]
    subprocess.run([*create, str(text), str(directory / "blocks")], check=True, cwd=directory)
    (directory / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/blocks",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with process(command, wait_port=port):
        server = _Server(port, {})
        wait_for(partial(_answers, server), START_SECONDS)
        yield server


def _answers(server: _Server) -> bool:
    """It listens before it has read its blocks, and refuses until then."""
    try:
        server.ask(at("1", 0))
    except OSError:
        return False
    return True


def _median(ask: Callable[[], object]) -> float:
    """Milliseconds that an answer takes."""
    found = []
    for _ in range(ASKED):
        began = time.perf_counter()
        ask()
        found.append((time.perf_counter() - began) * 1000)
    return float(np.median(found))


def _same(ours: _Server, theirs: _Server, question: Question) -> None:
    """Nothing is measured unless both answer with as many rows and values."""
    mine, others = (json.loads(side.ask(question))["data"]["result"] for side in (ours, theirs))
    counts = [[len(row.get("values", "1")) for row in rows] for rows in (mine, others)]
    if counts[0] != counts[1] or not counts[0]:
        raise RuntimeError(f"{question.query}: the answers differ: {str(counts)[:200]}")
