"""Alerting beside Debian's Alertmanager: posts of alerts, the time to a notification, lists, memory.

Both get the same configuration and the same alerts, in the same order, from one client; each starts
with an empty directory. Ours has what is new on the disk before it answers, the other keeps alerts in
memory.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from benchmarks.harness import process, scratch
from benchmarks.report import Limit, Run
from tools.ports import free_port

BATCH = 64
"""What Prometheus posts at once."""
GROUPS = 500
WAIT_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
CONFIG = """
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 30s
  routes:
  - matchers: ['probe="yes"']
    receiver: hook
    group_wait: 1s
    group_by: ['...']
receivers:
- name: hook
  webhook_configs: [{{url: 'http://127.0.0.1:{port}/'}}]
"""


@dataclass(frozen=True, slots=True)
class Side:
    """What one did. Rates are alerts per second; delays are those after `group_wait`."""

    first: float
    again: float
    delay_ms: float
    list_ms: float
    rss_mib: float


class Hook:
    """A receiver that notes when it was told."""

    def __init__(self) -> None:
        self.at: list[float] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                outer.at.append(time.perf_counter())
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def run(run: Run) -> None:
    count = run.scale(10_000, 2_000)
    rounds = run.rounds({"ours": lambda: _side(count, False), "theirs": lambda: _side(count, True)})

    def pairs(name: str) -> list[tuple[float, float]]:
        return [(getattr(r["ours"], name), getattr(r["theirs"], name)) for r in rounds]

    what = f"of {count:,} in {GROUPS} groups"
    run.ratio(f"new alerts posted, {what}", pairs("first"), "/s", Limit(at_least=0.7))
    run.ratio(f"the same posted again, {what}", pairs("again"), "/s", Limit(at_least=0.7))
    delays = pairs("delay_ms")
    run.at_most(
        "notification after `group_wait`, later than theirs", [a - b for a, b in delays], 50, "ms"
    )
    run.at_most(f"list {what}", [ours for ours, _ in pairs("list_ms")], 300, "ms")
    run.ratio("memory", pairs("rss_mib"), "MiB", Limit(at_most=2))


def _side(count: int, real: bool) -> Side:
    hook = Hook()
    with scratch() as directory, _started(directory, real, hook) as (url, child):
        with httpx.Client(base_url=url, timeout=60) as client:
            first, again = _posted(client, count), _posted(client, count)
            began = time.perf_counter()
            answer = client.get("/api/v2/alerts")
            list_ms = (time.perf_counter() - began) * 1000
            assert (found := len(answer.json())) == count, f"{found} alerts of {count}"
            delay_ms = statistics.median(_delay_ms(client, hook, n) for n in range(5))
        rss_mib = _rss_mib(child.pid)
    hook.server.shutdown()
    hook.server.server_close()
    return Side(first, again, delay_ms, list_ms, rss_mib)


def _posted(client: httpx.Client, count: int) -> float:
    alerts = [
        {
            "labels": {
                "alertname": f"a{i % GROUPS}",
                "instance": f"host-{i}",
                "severity": "warning",
            },
            "annotations": {"summary": f"host-{i} is slow"},
            "endsAt": "2999-01-01T00:00:00Z",
        }
        for i in range(count)
    ]
    began = time.perf_counter()
    for place in range(0, count, BATCH):
        client.post("/api/v2/alerts", json=alerts[place : place + BATCH]).raise_for_status()
    return count / (time.perf_counter() - began)


def _delay_ms(client: httpx.Client, hook: Hook, number: int) -> float:
    """From the answer to the notification, without `group_wait`."""
    seen = len(hook.at)
    labels = {"alertname": "probe", "probe": "yes", "number": str(number)}
    began = time.perf_counter()
    client.post("/api/v2/alerts", json=[{"labels": labels}]).raise_for_status()
    while len(hook.at) == seen:
        assert time.perf_counter() < began + PATIENCE_SECONDS, "no notification"
        time.sleep(0.001)
    return (hook.at[seen] - began - WAIT_SECONDS) * 1000


@contextmanager
def _started(
    directory: Path, real: bool, hook: Hook
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    config = directory / "alertmanager.yml"
    config.write_text(CONFIG.format(port=hook.server.server_address[1]))
    port = free_port()
    ours = [sys.executable, "-m", "event_system.cli", "alertmanager"]
    command = [
        *(["prometheus-alertmanager"] if real else ours),
        f"--config.file={config}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with process(command, wait_port=port) as child:
        yield f"http://127.0.0.1:{port}", child


def _rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
