"""A whole node: its metrics become series, rules make series of them, queries find both."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from event_system.http.compression import THREAD_BYTES
from tests.support.process import NodeProcess
from tests.support.waiting import wait_until

HOLDING = Path(__file__).parent / "listeners/holding.py"
LOADED = HOLDING.with_name("loaded.py")
AT_FIRST_USE = {"cel_expr_python", "jinja2", "jsonschema_rs", "numpy.ma"}
"""Twenty megabytes for listeners with filters, event types with schemas, and pages."""

RULES = """
groups:
  - name: events
    interval: 1s
    rules:
      - {record: "job:uptime:max", expr: "max by (job) (process_start_time_seconds) * 0 + 7"}
      - {record: "bad", expr: "label_replace(up, 'a', '$1', 'job', '(')"}
"""


def config(folder: Path, more: str = "") -> str:
    """What a node is told that has rules in a folder; `more` about its metrics."""
    return f"""
metrics: {{store: {{interval: 1s}}{more}}}
rules: {{files: ["{folder}/*.rules.yml"]}}
"""


def queried(client: httpx.Client, query: str) -> list[Any]:
    answer = client.get("/api/v1/query", params={"query": query})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"]["result"])


def rules(client: httpx.Client) -> list[dict[str, Any]]:
    return list(client.get("/api/v1/rules").json()["data"]["groups"][0]["rules"])


def loaded(client: httpx.Client) -> set[str]:
    """The modules that the node's process has loaded."""
    answer = client.post("/api/events/trigger", json={"type": "process.loaded"})
    return set(answer.json()["results"][0]["result"])


def test_metrics_become_series_and_rules_make_more_of_them(tmp_path: Path) -> None:
    (tmp_path / "node.rules.yml").write_text(RULES, encoding="utf-8")
    with NodeProcess(tmp_path, config(tmp_path), [LOADED]) as node, node.client() as client:
        row = wait_until(lambda: queried(client, "job:uptime:max"))[0]
        wait_until(lambda: "unknown" not in {rule["health"] for rule in rules(client)})
        made, bad = rules(client)
        names = client.get("/api/v1/label/__name__/values").json()["data"]
        known = client.get("/api/v1/metadata").json()["data"]
        wait_until(lambda: queried(client, "count_over_time(job:uptime:max[1h]) > 3"))
        modules = loaded(client)
        node.kill()
        node.start()
        with node.client() as again:
            found = wait_until(lambda: queried(again, "max_over_time(job:uptime:max[1h])"))

    assert row["metric"] == {"__name__": "job:uptime:max", "job": "event-system"}
    assert row["value"][1] == "7"
    assert (made["health"], bad["health"]) == ("ok", "err")
    assert "regular expression" in bad["lastError"]
    assert "job:uptime:max" in names
    assert known["process_start_time_seconds"][0]["type"] == "gauge"
    assert found[0]["value"][1] == "7"
    assert modules & {"numpy", *AT_FIRST_USE} == {"numpy"}


def test_what_rules_make_is_sent_on_to_another_node(tmp_path: Path) -> None:
    (tmp_path / "node.rules.yml").write_text(RULES, encoding="utf-8")
    (tmp_path / "far").mkdir()
    with NodeProcess(tmp_path / "far") as far, far.client() as asking:
        sending = config(tmp_path, f", remote_write: [{{url: '{far.url}/api/v1/write'}}]")
        with NodeProcess(tmp_path, sending):
            row = wait_until(lambda: queried(asking, "job:uptime:max"))[0]

    assert (row["metric"]["__name__"], row["value"][1]) == ("job:uptime:max", "7")


def test_a_faulty_file_of_rules_is_named_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "node.rules.yml").write_text("groups: [{name: a, rules: [{expr: x}]}]")
    node = NodeProcess(tmp_path, config(tmp_path))

    with pytest.raises(AssertionError, match=r"node\.rules\.yml"):
        node.start()


class Neighbour(BaseHTTPRequestHandler):
    """A target of scrapes, and a receiver of samples."""

    posts = 0

    def do_GET(self) -> None:
        self._answer(200, b"x 1\n")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        Neighbour.posts += 1
        self._answer(204, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not to the tests' output."""


@contextmanager
def neighbour() -> Iterator[str]:
    """The address of one."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Neighbour) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_listener_that_holds_all_threads_stops_no_monitoring(tmp_path: Path) -> None:
    with neighbour() as address:
        more = f""", remote_write: [{{url: 'http://{address}/'}}], scrape_configs: [
            {{job_name: there, scrape_interval: 1s, static_configs: [{{targets: ['{address}']}}]}}]"""
        with (
            NodeProcess(tmp_path, config(tmp_path, more).partition("rules:")[0], [HOLDING]) as node,
            node.client() as client,
        ):
            client.timeout = httpx.Timeout(60)
            wait_until(lambda: queried(client, 'x{job="there"}'), 60)
            wait_until(lambda: Neighbour.posts, 60)
            client.post("/api/events/trigger", json={"type": "hold"}).raise_for_status()
            wait_until((tmp_path / "held").exists, 60)
            posts = Neighbour.posts
            since = float(queried(client, "vector(time())")[0]["value"][0])
            own, scraped = 'up{job="event-system"}', 'x{job="there"}'
            later = " and on() ".join(f"timestamp({one}) > {since + 2}" for one in (own, scraped))
            wait_until(lambda: queried(client, later), 60)
            wait_until(lambda: Neighbour.posts > posts + 1, 60)
            page = httpx.get(f"http://127.0.0.1:{node.metrics_port}/metrics", timeout=60)
            query = {"query": "{__name__=~'.+'}[1h]"}
            wait_until(
                lambda: len(client.get("/api/v1/query", params=query).content) > THREAD_BYTES
            )
            everything = client.get("/api/v1/query", params=query)
            (tmp_path / "free").touch()
            code = node.stop()

    assert page.headers["content-encoding"] == "gzip"
    assert everything.headers["content-encoding"] in {"gzip", "br", "zstd"}
    assert code == 0
