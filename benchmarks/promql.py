"""Queries over 24 h of 500 series, 15 s apart, here and in a Prometheus with the same samples.

Ours come from the node's store and end as JSON, in a thread of the query engine; those of
Prometheus come over HTTP on this machine. Both are asked in turns.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np

from benchmarks.harness import scratch
from benchmarks.report import Limit, Run
from event_system.kernel.clock import SystemClock
from event_system.promql.encoding import encoded
from event_system.promql.engine import Engine, Limits, Question, at
from event_system.promql.ports import Labels
from event_system.timeseries.options import DAY_MS, StoreOptions
from event_system.timeseries.store import Store
from tools.ports import free_port

STEP_MS, HOURS, SERIES = 15_000, 24, 500
HOUR = 3_600_000 // STEP_MS
RATE = "sum by (type) (rate(x[5m]))"
ASKED = 5
"""Times that a query is asked in a round; the median counts."""
START_SECONDS = 300


def run(run: Run) -> None:
    series = 50 if run.quick else SERIES
    end_ms = int(time.time() * 1000) // STEP_MS * STEP_MS - 60_000
    times = np.arange(end_ms - HOURS * 3_600_000, end_ms + 1, STEP_MS, dtype=np.int64)
    with scratch() as directory, ExitStack() as stack:
        engine = stack.enter_context(_Ours(directory / "store", series, times))
        address = stack.enter_context(_Theirs(directory, series, times))
        for what, question, most in _questions(end_ms):
            _same(engine, address, question)
            sides = {
                "ours": partial(_median, partial(engine.ask, question)),
                "theirs": partial(_median, partial(address.ask, question)),
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


class _Ours:
    """The node's store with a query engine."""

    def __init__(self, directory: Path, series: int, times: Any) -> None:
        options = StoreOptions(retention_ms=15 * DAY_MS)
        self._store = Store(directory, options, SystemClock())
        labels = [_labels(number) for number in range(series)]
        values = np.array([_values(number, len(times)) for number in range(series)])
        for place, moment in enumerate(times.tolist()):  # as samples come
            at_once = np.full(series, moment, np.int64)
            self._store.append(labels, at_once, np.ascontiguousarray(values[:, place]))
            if place % (2 * HOUR) == 0 and place < len(times) - 2 * HOUR:
                self._store.maintain()
        self._loop = asyncio.Runner()
        self._engine = Engine(self._store, Limits(), time.monotonic)

    def __enter__(self) -> _Ours:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.close()
        self._engine.close()
        self._store.close()

    def ask(self, question: Question) -> Any:
        """The JSON of an answer."""
        return self._loop.run(self._engine.ask(question, encoded))


class _Theirs:
    """A Prometheus of the benchmark's own."""

    def __init__(self, directory: Path, series: int, times: Any) -> None:
        port = free_port()
        self._url = f"http://127.0.0.1:{port}/api/v1/"
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
        with (directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={directory}/prometheus.yml",
                    f"--storage.tsdb.path={directory}/blocks",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> _Theirs:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                self.ask(at("1", 0))
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, question: Question) -> bytes:
        """The body of an answer."""
        parameters = {"query": question.query, "time": question.end_ms / 1000}
        call = "query"
        if question.step_ms is not None:
            span = {"start": question.start_ms / 1000, "end": question.end_ms / 1000}
            parameters |= {**span, "step": question.step_ms / 1000}
            call = "query_range"
        with urlopen(f"{self._url}{call}?{urlencode(parameters)}") as answer:
            return bytes(answer.read())


def _median(ask: Callable[[], object]) -> float:
    """Milliseconds that an answer takes."""
    found = []
    for _ in range(ASKED):
        began = time.perf_counter()
        ask()
        found.append((time.perf_counter() - began) * 1000)
    return float(np.median(found))


def _same(ours: _Ours, theirs: _Theirs, question: Question) -> None:
    """Nothing is measured unless both answer with as many rows and values."""
    mine = json.loads(ours.ask(question))["result"]
    others = json.loads(theirs.ask(question))["data"]["result"]
    counts = [[len(row.get("values", "1")) for row in rows] for rows in (mine, others)]
    if counts[0] != counts[1] or not counts[0]:
        raise RuntimeError(f"{question.query}: the answers differ: {str(counts)[:200]}")
