"""Incidents of a node: alerts come in over HTTP, people are paged, the node is killed in between."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from typer.testing import CliRunner

from event_system.cli.main import app
from tests.support.alerting import Requests
from tests.support.process import NodeProcess
from tests.support.waiting import wait_until

CONFIG = """
alerting: {config_file: alertmanager.yml}
incidents:
  hold: 0s
  page_gap: 0s
  needs_answer: []
  topology: {api: [database]}
  slos: [{service: api, objective: 0.999, window: 30d}]
  chains:
    P0: [{after: 0s, targets: ['receiver:pager'], methods: [webhook]}]
    P1: [{after: 0s, targets: ['receiver:pager'], methods: [webhook]}]
"""
ALERTING = """
route: {{receiver: nobody}}
receivers:
- name: nobody
- name: pager
  webhook_configs: [{{url: '{url}/page'}}]
"""
FAR = "2999-01-01T00:00:00Z"


@pytest.fixture
def requests() -> Iterator[Requests]:
    found = Requests()
    yield found
    found.close()


def node_in(directory: Path, requests: Requests) -> NodeProcess:
    (directory / "alertmanager.yml").write_text(ALERTING.format(url=requests.url))
    return NodeProcess(directory, CONFIG, [])


def report(node: NodeProcess, name: str, *, ends: str = FAR, **labels: str) -> None:
    given = {"alertname": name, "level": "P0", **labels}
    alert = {"labels": given, "startsAt": "2026-11-18T12:00:00Z", "endsAt": ends}
    answer = httpx.post(f"{node.url}/api/v2/alerts", json=[alert], timeout=60)
    assert answer.status_code == 200, answer.text


def incidents(node: NodeProcess, state: str = "open") -> list[dict[str, Any]]:
    answer = httpx.get(f"{node.url}/api/incidents", params={"state": state}, timeout=60)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["incidents"]
    return found


def act(node: NodeProcess, incident: str, verb: str, **body: Any) -> dict[str, Any]:
    url = f"{node.url}/api/incidents/{incident}/{verb}"
    answer = httpx.post(url, json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    done: dict[str, Any] = answer.json()
    return done


def paged(requests: Requests) -> Counter[tuple[str, str]]:
    return Counter(
        (each["labels"]["alertname"], each["status"])
        for body in requests.bodies("/page")
        for each in body["alerts"]
    )


def ready(node: NodeProcess) -> None:
    """Until operations run."""
    wait_until(lambda: httpx.get(f"{node.url}/api/incidents", timeout=60).status_code == 200)


def test_what_an_incident_links_to_can_be_asked(tmp_path: Path, requests: Requests) -> None:
    with node_in(tmp_path, requests) as node:
        ready(node)
        reached_at = f"http://{socket.gethostname()}:{urlsplit(node.url).port}"
        alert = {
            "labels": {"alertname": "Down", "level": "P0"},
            "endsAt": FAR,
            "generatorURL": f"{reached_at}/graph?g0.expr=up&g0.tab=1",
        }
        assert httpx.post(f"{node.url}/api/v2/alerts", json=[alert], timeout=60).is_success
        wait_until(lambda: [each["state"] for each in incidents(node)] == ["notified"])
        _event_types(node, awaited="incident.notified")
        (found,) = incidents(node)
        links = httpx.get(f"{node.url}/api/incidents/{found['id']}", timeout=60).json()["links"]
        answers = {
            link["title"]: httpx.get(link["url"].replace(reached_at, node.url), timeout=60).json()
            for link in links
            if "/api/" in link["url"]
        }

    assert answers["metrics of Down"]["status"] == "success"
    own = [event["type"] for event in answers["its own events"]["events"]]
    assert own == ["incident.triggered", "incident.classified", "incident.notified"]
    around = [event["type"] for event in answers["events around it"]["events"]]
    assert "alert.firing" in around
    assert set(own) <= set(around)


def test_alerts_become_an_incident_that_outlives_kills_and_pages_once(
    tmp_path: Path, requests: Requests
) -> None:
    with node_in(tmp_path, requests) as node:
        ready(node)
        report(node, "SlowQueries", service="database", level="P1")
        wait_until(lambda: [each["state"] for each in incidents(node)] == ["notified"])
        report(node, "ApiTimeouts", service="api")
        wait_until(lambda: [each["level"] for each in incidents(node)] == ["P0"])
        (found,) = incidents(node)
        node.kill()
        node.start()
        ready(node)
        (again,) = incidents(node)
        assert again == found
        act(node, found["id"], "acknowledge", text="on it")
        node.kill()
        node.start()
        ready(node)
        (acknowledged,) = incidents(node)
        assert acknowledged["state"] == "acknowledged"
        shown = httpx.get(f"{node.url}/api/incidents/{found['id']}", timeout=60).json()
        assert "`api` depends on `database`" in shown["alerts"][1]["because"]
        assert paged(requests) == {(found["id"], "firing"): 1}

        for name, service in (("SlowQueries", "database"), ("ApiTimeouts", "api")):
            level = "P1" if service == "database" else "P0"
            report(node, name, ends="2026-11-18T12:05:00Z", service=service, level=level)
        wait_until(lambda: [each["state"] for each in incidents(node, "all")] == ["recovered"])
        node.kill()
        node.start()
        ready(node)
        assert [each["state"] for each in incidents(node, "all")] == ["recovered"]
        assert paged(requests) == {(found["id"], "firing"): 1, (found["id"], "resolved"): 1}
        types = _event_types(node)

    assert types == {
        "incident.triggered": 1,
        "incident.classified": 2,  # the second alert has raised it
        "incident.notified": 1,
        "incident.acknowledged": 1,
        "incident.resolved": 1,
        "incident.recovered": 1,
    }


def _event_types(node: NodeProcess, awaited: str = "incident.recovered") -> Counter[str]:
    def found() -> Counter[str]:
        url = f"{node.url}/api/events?type=incident.*&limit=100"
        answer = httpx.get(url, timeout=60)
        return Counter(event["type"] for event in answer.json()["events"])

    wait_until(lambda: found()[awaited])
    return found()


def test_a_pager_that_is_away_is_tried_until_it_takes_the_page(
    tmp_path: Path, requests: Requests
) -> None:
    requests.answers = [(503, b"")]
    with node_in(tmp_path, requests) as node:
        ready(node)
        report(node, "Down")
        wait_until(lambda: paged(requests).total() >= 1)
        node.kill()
        node.start()
        wait_until(lambda: [each["state"] for each in incidents(node)] == ["notified"])
        (found,) = incidents(node)

    assert paged(requests)[found["id"], "firing"] == 2


def test_without_a_level_the_severity_opens_an_incident_and_information_does_not(
    tmp_path: Path, requests: Requests
) -> None:
    with node_in(tmp_path, requests) as node:
        ready(node)
        report(node, "Told", level="", severity="info")
        report(node, "Slow", level="", severity="warning")
        report(node, "Down", level="", severity="critical")
        wait_until(lambda: len(incidents(node, "all")) == 2)

        assert sorted(each["level"] for each in incidents(node, "all")) == ["P0", "P2"]


def test_a_node_reports_on_the_month_on_its_objectives_and_in_numbers(
    tmp_path: Path, requests: Requests
) -> None:
    with node_in(tmp_path, requests) as node:
        ready(node)
        report(node, "Down", service="api")
        wait_until(lambda: [each["state"] for each in incidents(node)] == ["notified"])
        (found,) = incidents(node)
        month = found["opened"][:7]
        command = [*("reports", "monthly", month, "--lang", "zh"), "--url", node.url]
        printed = CliRunner().invoke(app, command, catch_exceptions=False).stdout
        told = httpx.get(f"{node.url}/api/reports/objectives", timeout=60).json()["objectives"]
        numbers = node.metrics()

    assert f"# {month} 运维回顾" in printed
    assert f"| {found['id']} | P0 | api |" in printed
    assert [(each["service"], each["window_seconds"]) for each in told] == [("api", 30 * 86_400)]
    assert told[0]["reached"] < 1
    assert numbers['incidents_open{state="notified"}'] == 1
    assert numbers['incidents_opened_total{level="P0",origin="alert"}'] == 1
    assert numbers['slo_objective_ratio{service="api",window="30d"}'] == 0.999
