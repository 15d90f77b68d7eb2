"""Stored events reach one async listener: rate, lag, and the time from trigger to handled."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from benchmarks.harness import Node, Run, median, node, scratch, wrk
from benchmarks.open_loop import drive

NAME = "delivery"
SATURATION_SECONDS = 60
QUICK_SECONDS = 8


def run(run: Run) -> None:
    slow: list[float] = []
    fast: list[float] = []
    shares: list[float] = []
    lags: list[float] = []
    for turn in range(1 if run.quick else run.rounds):
        with scratch() as directory, node(directory, listeners="listeners_noop.py") as at:
            drive(at.url, per_second=1000, seconds=run.seconds)
            slow.append(_ages(at)["p99_us"] / 1000)
            share, lag = _saturate(run, at, turn)
            shares.append(share)
            lags.append(lag)
            fast.append(_ages(at)["p99_us"] / 1000)
    run.at_most(NAME, "trigger to handled p99 at 1,000 events/s", median(slow), 10, "ms")
    run.at_most(
        NAME, "trigger to handled p99 at saturation, 64 connections", median(fast), 30, "ms"
    )
    run.at_least(NAME, "handled / accepted at saturation", median(shares), 0.9)
    run.figure(NAME, "largest lag at saturation", max(lags), "events")


def _saturate(run: Run, at: Node, turn: int) -> tuple[float, float]:
    """Handled over accepted, and the largest lag seen."""
    seconds = QUICK_SECONDS if run.quick else SATURATION_SECONDS if turn == 0 else run.seconds * 2
    lags: list[float] = [0.0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            lags.append(float(_listener(at)["lag"]))

    before = _listener(at)["handled"]
    watcher = threading.Thread(target=watch)
    watcher.start()
    load = wrk(at.url, "trigger.lua", 64, seconds)
    handled = _listener(at)["handled"] - before
    ended.set()
    watcher.join()
    run.figure(
        NAME, f"accepted with a listener, 64 connections, {seconds} s", load.per_second, "/s"
    )
    return handled / (load.per_second * seconds), max(lags)


def _listener(at: Node) -> dict[str, Any]:
    return dict(at.get("/api/listeners/noop"))


def _ages(at: Node) -> dict[str, Any]:
    at.get("/api/events/trigger")
    deadline = time.monotonic() + 10
    file = at.directory / "ages.json"
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    found = json.loads(file.read_text())
    file.unlink()
    return dict(found)
