"""`event-system alerts` against a process: what fires, and why it is told or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from event_system.alerting.fingerprints import fingerprint
from tests.support.alerting import AlertmanagerProcess
from tests.support.process import run_command
from tests.support.waiting import wait_until

CONFIG = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 1h
  routes:
  - matchers: ['severity="critical"']
    receiver: pager
receivers:
- name: team
  webhook_configs: [{url: 'http://127.0.0.1:9/'}]
- name: pager
"""
DOWN = {"alertname": "Down", "severity": "warning", "host": "a"}
LATER = "2999-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertmanagerProcess]:
    directory: Path = tmp_path_factory.mktemp("alerting")
    with AlertmanagerProcess(directory, CONFIG) as process:
        process.post({"labels": DOWN, "annotations": {"summary": "a is down"}, "endsAt": LATER})
        process.post({"labels": {**DOWN, "host": "b"}, "endsAt": LATER})
        wait_until(lambda: len(process.get("alerts")) == 2)
        yield process


def command(process: AlertmanagerProcess, *arguments: str) -> str:
    done = run_command("alerts", *arguments, "--url", process.url)
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked(process: AlertmanagerProcess, path: str, **query: Any) -> httpx.Response:
    return httpx.get(f"{process.url}/api/alerts/{path}", params=query, timeout=30)


def test_alerts_are_listed_and_filtered(process: AlertmanagerProcess) -> None:
    assert "a is down" in command(process, "list")
    found = json.loads(command(process, "list", "--filter", 'host="b"', "--json"))

    assert [alert["labels"]["host"] for alert in found] == ["b"]


def test_one_is_shown_by_its_fingerprint_or_its_labels(process: AlertmanagerProcess) -> None:
    assert "a is down" in command(process, "show", fingerprint(DOWN))
    assert json.loads(command(process, "show", "host=b", "--json"))["labels"]["host"] == "b"


def test_one_is_explained_in_two_languages(process: AlertmanagerProcess) -> None:
    told = command(process, "explain", "host=a")
    assert 'does not take it: severity="critical", but its value is "warning"' in told
    assert "webhook[0] was not told of the group yet" in told
    assert "it is the group's first notification" in told

    assert "这是该分组的第一次通知" in command(
        process, "explain", fingerprint(DOWN), "--lang", "zh"
    )


def test_an_explanation_is_data_too(process: AlertmanagerProcess) -> None:
    [group] = asked(process, f"{fingerprint(DOWN)}/explain").json()["groups"]

    assert (group["receiver"], group["alerts"], group["labels"]) == (
        "team",
        2,
        {"alertname": "Down"},
    )
    [channel] = group["channels"]
    assert (channel["flush_sends"], channel["flush_reason"]) == (True, "first")
    assert channel["next"]["at"] == group["flush_at"]


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("0123456789abcdef/explain", {}, "alert.not_found"),
        ("explain", {}, "alert.not_found"),
        ("explain", {"label": "nonsense"}, "query.invalid"),
        ("explain", {"label": "alertname=Down"}, "alert.ambiguous"),
    ],
)
def test_what_cannot_be_explained_is_a_problem(
    process: AlertmanagerProcess, path: str, query: dict[str, str], code: str
) -> None:
    answer = asked(process, path, **query)

    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"] == code


def test_labels_that_nothing_has_are_explained(process: AlertmanagerProcess) -> None:
    told = command(process, "explain", "alertname=New", "severity=critical")

    assert "is not known; if it came now" in told
    assert 'by the route severity="critical"' in told
