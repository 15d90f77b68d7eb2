"""The shipped configuration and dashboards, in a real Prometheus at a busy node."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import nats
import numpy as np
import pytest
import redis
import yaml

from event_system.promql.engine import Engine, Limits, Question
from event_system.promql.ports import STALE, Series
from tests.support.alerting import Requests
from tests.support.memory_samples import MemorySamples, labels_of
from tests.support.nats import nats_servers
from tests.support.process import NodeProcess
from tests.support.promql_comparison import difference, outcome
from tests.support.redis import private_redis
from tests.support.sql import fresh_database
from tests.support.waiting import PATIENCE_SECONDS, wait_until
from tools.alerts.catalogue import topics
from tools.dashboards.pages import DASHBOARDS
from tools.dashboards.panels import Dashboard
from tools.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / "deploy" / "prometheus" / "prometheus.yml"
LISTENERS = [ROOT / "examples" / "listeners.py"]
NODES = ("event-system", "laojun-admin-api", "mmo_server")
SCRAPE_MS = 1000
NODE = """
database: {{enabled: true, dsn: '{dsn}'}}
redis: {{url: '{redis}'}}
rum: {{enabled: true, rate_per_address: 1000}}
limits: {{shared: true, per_source: {{rate: 100000}}}}
metrics:
  collectors: {{interval: 1s, nats: ['{nats}']}}
alerting: {{config_file: alertmanager.yml}}
incidents:
  slos: [{{service: api, objective: 0.999}}]
  chains: {{P1: [{{targets: ['receiver:pager'], methods: [webhook]}}]}}
"""
ALERTING = """
route: {{receiver: pager, group_wait: 0s}}
receivers: [{{name: pager, webhook_configs: [{{url: '{url}'}}]}}]
"""
ALERT = {
    "labels": {"alertname": "Down", "level": "P1", "service": "api"},
    "startsAt": "2026-11-18T12:00:00Z",
    "endsAt": "2999-01-01T00:00:00Z",
}

VARIABLES = {"$job": ".*", "$instance": ".*", "$__rate_interval": "1m", "$__range": "5m"}
MEASURED = {f"{name}_ms": 900 for name in ("load", "fcp", "lcp", "inp", "fid")}
BEACON = {
    "page": "/",
    "view": True,
    "entry": True,
    "continued": "/",
    "dwell_s": 9,
    "cls": 0.02,
    "errors": {"script": 1},
    "features": {"chat": 1},
    "goals": {"purchase": 1},
    **MEASURED,
}

pytestmark = pytest.mark.service("prometheus", "postgresql", "redis")


def test_the_configuration_is_one_that_prometheus_takes() -> None:
    done = subprocess.run(
        ["promtool", "check", "config", str(CONFIG)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_jobs_have_the_names_that_others_look_for() -> None:
    jobs = [job["job_name"] for job in yaml.safe_load(CONFIG.read_text())["scrape_configs"]]

    assert {"laojun-admin-api", "laojun-marketplace-api", "laojun-gateway"} < set(jobs)
    assert {"postgres-exporter", "redis-exporter", "node-exporter", "mmo_server"} < set(jobs)
    assert len(set(jobs)) == len(jobs)


def _configured(folder: Path, node: str) -> Path:
    """The shipped configuration, once a second, with the node behind the jobs of nodes."""
    content: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    content["global"] = dict.fromkeys(content["global"], "1s")
    for job in content["scrape_configs"]:
        job["scrape_interval"] = "1s"
        target = node if job["job_name"] in NODES else "127.0.0.1:1"
        job["static_configs"] = [{"targets": [target]}]
    content["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": ["127.0.0.1:1"]}]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(content))
    shutil.copytree(CONFIG.parent / "rules", folder / "rules")
    return path


@contextmanager
def prometheus(folder: Path, node: str) -> Iterator[httpx.Client]:
    """A Prometheus of the test's own that scrapes the node; a client of its API."""
    port = free_port()
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={_configured(folder, node)}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=output,
            stderr=output,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)


async def _streams(url: str) -> None:
    """A stream with a consumer that is behind, and one of dead letters."""
    client = await nats.connect(url)
    stream = client.jetstream()
    await stream.add_stream(name="work", subjects=["work"])
    await stream.add_stream(name="dead", subjects=["dead"])
    consumer = await stream.pull_subscribe("work", durable="smith")
    for subject in ("work", "work", "dead"):
        await stream.publish(subject, b"x")
    for message in await consumer.fetch(1, timeout=30):
        await message.ack_sync()
    await client.close()


def filled(query: str) -> str:
    """A dashboard's query with values for its variables, as Grafana fills them in."""
    for variable, value in VARIABLES.items():
        query = query.replace(variable, value)
    return query


class Demo:
    """A node with everything on, and a Prometheus that looks at it. `play` makes it busy."""

    def __init__(self, node: NodeProcess, client: httpx.Client, redis_url: str) -> None:
        self._node = node
        self._client = client
        self._redis = redis.Redis.from_url(redis_url)

    def play(self) -> None:
        with self._node.client() as client:
            for type_ in ("player.login", "player.level_up", "activity.start"):
                event = {"type": type_, "subject": "p1", "data": {"level": 1, "player": "p1"}}
                client.post("/api/events/trigger", json=event)
            client.post("/api/events/trigger", json={"type": "not valid"})
            client.post("/rum", json=BEACON).raise_for_status()
            client.post("/api/v2/alerts", json=[ALERT])
            self._answer_incidents(client)
        self._redis.get("absent")

    def _answer_incidents(self, client: httpx.Client) -> None:
        """None yet, while the node takes up its tasks."""
        for each in client.get("/api/incidents?state=open").json().get("incidents", []):
            for verb in ("acknowledge", "resolve"):
                client.post(f"/api/incidents/{each['id']}/{verb}", json={})

    def result(self, query: str) -> list[Any]:
        """The series of a dashboard's query now."""
        answer = self.get("query", query=filled(query))
        assert answer["status"] == "success", (query, answer)
        found: list[Any] = answer["data"]["result"]
        return found

    def get(self, call: str, **parameters: str | float) -> Any:
        return self._client.get(f"/api/v1/{call}", params=parameters).json()

    def rules(self) -> dict[str, str]:
        """What Prometheus says of each rule that it evaluates every second."""
        groups = self._client.get("/api/v1/rules").json()["data"]["groups"]
        return {
            rule["name"]: rule.get("lastError") or rule["health"]
            for group in groups
            if group["interval"] == 1
            for rule in group["rules"]
        }

    def comes_up(self) -> None:
        wait_until(self._is_up)

    def _is_up(self) -> bool:
        try:
            return bool(self.result('up{job="event-system"} == 1'))
        except httpx.TransportError:
            return False  # it starts

    def close(self) -> None:
        self._redis.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder, web = tmp_path_factory.mktemp("demo"), free_port()
    with ExitStack() as stack:
        dsn = stack.enter_context(fresh_database("postgresql", "demo"))
        redis_server = stack.enter_context(private_redis())
        servers = stack.enter_context(nats_servers(extra=f'\nhttp: "127.0.0.1:{web}"\n'))
        asyncio.run(_streams(servers.urls[0]))
        config = NODE.format(dsn=dsn.url, redis=redis_server.url, nats=f"http://127.0.0.1:{web}")
        refusing = Requests((404, b""))
        stack.callback(refusing.close)
        (folder / "alertmanager.yml").write_text(ALERTING.format(url=refusing.url))
        node = stack.enter_context(NodeProcess(folder, config, LISTENERS))
        address = f"127.0.0.1:{node.metrics_port}"
        demo = Demo(node, stack.enter_context(prometheus(folder, address)), redis_server.url)
        stack.callback(demo.close)
        demo.play()
        demo.comes_up()
        yield demo


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=lambda found: found.uid)
def test_every_query_of_a_dashboard_has_data(demo: Demo, dashboard: Dashboard) -> None:
    empty = set(dashboard.queries())

    def is_filled() -> bool:
        demo.play()
        empty.difference_update([query for query in empty if demo.result(query)])
        return not empty

    wait_until(is_filled)


def test_our_own_engine_answers_every_query_alike(demo: Demo) -> None:
    queries = {filled(query) for page in DASHBOARDS.values() for query in page.queries()}
    demo.play()
    moment = time.time_ns() // 1_000_000
    _await_scrapes_after(demo, moment)
    differing = _differing(demo, queries, moment)
    if differing:  # a rule may have been evaluated late, between the questions
        differing = _differing(demo, differing, moment)
    assert differing == {}


def _differing(demo: Demo, queries: Iterable[str], moment: int) -> dict[str, str]:
    """What the engines do not answer alike over the server's samples, and how."""
    samples = demo.get(
        "query", query='{__name__=~".+",__name__!~"ALERTS.*"}[20m]', time=moment / 1000
    )["data"]["result"]
    engine = Engine(MemorySamples(_series(samples)), Limits(), time.monotonic)
    found = {}
    for query in sorted(queries):
        theirs = demo.get("query", query=query, time=moment / 1000)
        if apart := difference(outcome(engine, Question(query, moment, moment)), theirs):
            found[query] = apart
    engine.close()
    return found


def _await_scrapes_after(demo: Demo, moment: int) -> None:
    """Until nothing of that moment and before can still be on its way into the server."""
    newest = 'min(timestamp(up{job=~"laojun-admin-api|event-system|mmo_server"}))'
    last = moment + 3 * SCRAPE_MS
    wait_until(lambda: float(demo.result(newest)[0]["value"][1]) * 1000 >= last)


def _series(found: list[Any]) -> Iterator[Series]:
    """What a server has told, with an end where a series has ended: it does not tell that.

    Each scrape leaves a sample of `up`; a series that has none at that time has ended there.
    """
    scrapes = {_target(row): _times(row) for row in found if row["metric"]["__name__"] == "up"}
    for row in found:
        times = _times(row)
        values = np.array([float(value) for _, value in row["values"]], np.float64)
        if later := [at for at in scrapes[_target(row)] if at > times[-1]]:
            times, values = [*times, later[0]], np.append(values, STALE)
        yield Series(labels_of(row["metric"]), np.array(times, np.int64), values)


def _target(row: Any) -> tuple[str, str]:
    return row["metric"]["job"], row["metric"]["instance"]


def _times(row: Any) -> list[int]:
    return [round(at * 1000) for at, _ in row["values"]]


def test_every_rule_can_be_evaluated_over_what_a_node_says(demo: Demo) -> None:
    """Sets of labels that do not fit together show only with real metrics."""
    expected = {
        alert.name: "ok" for found in topics().values() for alert in found if not alert.baseline
    }
    wait_until(lambda: demo.rules() == expected)


def test_every_variable_of_the_dashboards_is_known_to_this_test() -> None:
    queries = [query for dashboard in DASHBOARDS.values() for query in dashboard.queries()]

    found = {name for query in queries for name in re.findall(r"\$\w+", query)}

    assert found <= VARIABLES.keys()
