"""Alerting by itself: what a pass over 10,000 alerts costs, and the way of an event to a webhook.

A pass is one evaluation of 50 rules, of which each has 200 alerts, what that changes in the pipeline,
and one notification of each of 500 groups; the channel takes everything. Time is moved by hand, the
processor's time is that of all threads, and garbage is collected as in a node. The silences and
inhibition rules are none that fit: the same alerts are told.

The way of an event begins with its request, at a moment of its own within the intervals: a node keeps
its metrics every second, a rule counts that type of event every second, and its alert is told at once.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.harness import node, scratch
from benchmarks.report import Limit, Run

T = TypeVar("T")
RULES, GROUPS = 50, 500
SILENCES, INHIBITIONS = 1_000, 100
PASSES = 5
MINUTE_US = 60_000_000
PATIENCE_SECONDS = 30.0
CONFIG = """
metrics: {store: {interval: 1s}}
rules: {shipped: false, files: [rules.yml]}
alerting: {config_file: alertmanager.yml}
"""
ALERTING = """
route: {{receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s}}
receivers:
- name: hook
  webhook_configs: [{{url: 'http://127.0.0.1:{port}/'}}]
"""
RULE = """
groups:
- name: broken
  interval: 1s
  rules:
  - {alert: Broken, expr: 'events_triggered_total{type=~"broken.*"} > 0'}
"""


def run(run: Run) -> None:
    alerts, ways = run.scale(10_000, 2_000), run.scale(100, 10)
    rounds = run.rounds(
        {
            "plain": lambda: _passes(alerts, loaded=False),
            "loaded": lambda: _passes(alerts, loaded=True),
            "way": lambda: _ways(ways),
        }
    )
    what = f"{alerts:,} alerts in {GROUPS} groups"
    run.at_most(f"processor for a pass, {what}", [r["plain"] for r in rounds], 500, "ms")
    run.ratio(
        f"the same with {SILENCES:,} silences and {INHIBITIONS} inhibition rules / without",
        [(r["loaded"], r["plain"]) for r in rounds],
        *("ms", Limit(at_most=2)),
    )
    run.at_most("event to webhook, p99", [r["way"] for r in rounds], 1.5, "s")


# -- the pass


def _passes(alerts: int, *, loaded: bool) -> float:
    """The median of some passes, in milliseconds of the processor."""
    command = [sys.executable, "-m", "benchmarks.alerting", str(alerts), str(int(loaded))]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(statistics.median(json.loads(told)))


class _Time:
    """A clock that is moved by hand; groups are due by it."""

    def __init__(self) -> None:
        self.us = 1_800_000_000_000_000

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return self.us / 1_000_000


class _Channel:
    """Takes everything; `told` is set once there were as many notifications as groups."""

    def __init__(self) -> None:
        self.sent = self.alerts = 0
        self.told = asyncio.Event()

    async def send(self, notification: Any) -> None:
        self.sent += 1
        self.alerts += len(notification.alerts)
        if self.sent == GROUPS:
            self.told.set()

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def all_told(self) -> int:
        """Wait for all groups; the alerts that were told."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.told.wait()
        told, self.sent, self.alerts = self.alerts, 0, 0
        self.told.clear()
        return told


async def _measured(alerts: int, directory: Path, *, loaded: bool) -> list[float]:
    from event_system.alerting.storing import RecordedAlerting
    from event_system.database.sqlite.records import SqliteRecords
    from event_system.node.evaluating import OwnAlerting
    from event_system.node.garbage import spare_the_collector
    from event_system.rules.runner import RuleRunner
    from event_system.rules.storing import StoredResults
    from event_system.timeseries.options import StoreOptions
    from event_system.timeseries.store import Store

    clock, channel, records = _Time(), _Channel(), SqliteRecords(directory)
    manager = _manager(clock, channel, RecordedAlerting(records), INHIBITIONS * loaded)
    store = Store(directory / "metrics", StoreOptions(), clock)
    results = StoredResults(store)
    await manager.start()
    if loaded:
        await _silence(manager, clock)
    runner = RuleRunner([_rules()], _Asking(store), results, clock)
    await runner.begin(records, OwnAlerting(manager))
    spare_the_collector()
    found: list[float] = []
    for number in range(PASSES + 1):  # in the first, nothing is known
        clock.us += 2 * MINUTE_US  # all alerts are reported again
        results.append(_samples(alerts, clock.us // 1000))
        began = time.process_time()
        for each in runner.runs:
            await runner.evaluate(each, clock.us // 1000)
        told = await channel.all_told()
        found.append((time.process_time() - began) * 1000)
        assert told == alerts or not number, f"{told} alerts were told of {alerts}"
    await runner.close()
    await manager.stop()
    await records.close()
    store.close()
    return found[1:]


class _Asking:
    """Implements `rules.ports.Questions` over a store, in the thread that asks."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def ask(self, query: str, moment_ms: int) -> Any:
        from event_system.promql.engine import Limits, at, evaluate

        return evaluate(self._store, Limits(), at(query, moment_ms), lambda: None)

    async def run(self, work: Callable[[], T]) -> T:
        return work()

    def close(self) -> None:
        """Nothing is open."""


def _rules() -> Any:
    from event_system.rules.model import AlertingRule, Group

    said = (("summary", "{{ $labels.host }} is at {{ $value }}"),)
    rules = (
        AlertingRule(f"R{n}", f'load{{rule="r{n}"}} > 0', annotations=said) for n in range(RULES)
    )
    return Group("bench", "bench.yml", tuple(rules), interval_ms=3_600_000)


def _samples(alerts: int, now_ms: int) -> list[Any]:
    """A sample of each series that is an alert."""
    from event_system.promql.ports import NAME
    from event_system.rules.ports import Sample

    rows = (
        ((NAME, "load"), ("cell", f"c{n % GROUPS}"), ("host", f"h{n}"), ("rule", f"r{n % RULES}"))
        for n in range(alerts)
    )
    return [Sample(labels, now_ms, 1.0) for labels in rows]


def _manager(clock: _Time, channel: _Channel, store: Any, inhibitions: int) -> Any:
    from event_system.alerting.configuration import Configuration, Receiver
    from event_system.alerting.inhibition import InhibitRule
    from event_system.alerting.manager import AlertManager, Options
    from event_system.alerting.matchers import parse_matchers
    from event_system.alerting.routes import Route, RouteOptions
    from event_system.alerting.sending import Integration, Sender

    options = RouteOptions(
        "hook",
        group_by=frozenset({"cell"}),
        group_wait_us=0,
        group_interval_us=MINUTE_US,
        repeat_interval_us=MINUTE_US // 2,
    )
    configuration = Configuration(
        Route(options),
        {"hook": Receiver("hook", [Integration("webhook", 0, True, channel)])},
        [
            InhibitRule(
                parse_matchers(f"host=~root-{n}.*"), parse_matchers(f"cell=~c{n}.*"), ("zone",)
            )
            for n in range(inhibitions)
        ],
        {},
    )
    ids = map(str, count())
    sender = Sender(clock.monotonic, lambda n: b"\0" * n)
    told = Options("http://alerts.example")
    return AlertManager(configuration, store, sender, clock, lambda: next(ids), told)


async def _silence(manager: Any, clock: _Time) -> None:
    from event_system.alerting.matchers import parse_matchers
    from event_system.alerting.silences import Silence, rules_of

    for number in range(SILENCES):
        matchers = parse_matchers(f"host=~h.*-{number},cell=c{number % GROUPS}")
        await manager.set_silence(
            Silence(
                id="",
                rules=rules_of(matchers),
                starts_us=clock.us,
                ends_us=clock.us + 1_000 * MINUTE_US,
                updated_us=0,
                created_by="bench",
                comment="",
            )
        )


# -- the way


class _Hook:
    """A receiver that notes when it was told of which type."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                now = time.perf_counter()
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                for alert in body["alerts"]:
                    outer.at.setdefault(alert["labels"]["type"], now)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def _ways(number: int) -> float:
    """Seconds from an event's request to the webhook, the 99th percentile."""
    hook, dice = _Hook(), random.Random(1)
    sent: dict[str, float] = {}
    with scratch() as directory:
        directory.mkdir(exist_ok=True, parents=True)
        (directory / "rules.yml").write_text(RULE)
        (directory / "alertmanager.yml").write_text(
            ALERTING.format(port=hook.server.server_address[1])
        )
        with node(directory, config=CONFIG) as at, at.session() as session:
            for way in range(number):
                type_ = f"broken.n{way}"
                sent[type_] = time.perf_counter()
                session.ask("POST", "/api/events/trigger", {"type": type_, "data": {}})
                _wait_for(hook, type_)
                time.sleep(dice.random())
    hook.server.shutdown()
    hook.server.server_close()
    delays = sorted(hook.at[type_] - at for type_, at in sent.items())
    return delays[-1 - number // 100]


def _wait_for(hook: _Hook, type_: str) -> None:
    end = time.perf_counter() + PATIENCE_SECONDS
    while type_ not in hook.at:
        assert time.perf_counter() < end, f"nobody was told of {type_}"
        time.sleep(0.001)


if __name__ == "__main__":
    with scratch() as place:
        place.mkdir(exist_ok=True, parents=True)
        print(
            json.dumps(asyncio.run(_measured(int(sys.argv[1]), place, loaded=sys.argv[2] == "1")))
        )
