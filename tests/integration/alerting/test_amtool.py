"""Debian's amtool against ours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.alerting import AlertmanagerProcess

pytestmark = pytest.mark.service("amtool")

CONFIG = """
global:
  smtp_smarthost: mail.example:25
  smtp_from: alerts@example.org
  smtp_auth_username: me
  smtp_auth_password: geheim
  slack_api_url: https://slack.example/geheim
route:
  receiver: team
  group_by: [alertname]
  routes:
  - matchers: ['severity="critical"']
    receiver: pager
    continue: true
    mute_time_intervals: [weekend]
  - match_re: {team: 'a|b'}
    receiver: ab
receivers:
- name: team
  email_configs: [{to: team@example.org}]
- name: pager
  slack_configs: [{channel: '#ops'}]
  webhook_configs: [{url: 'http://127.0.0.1:9/geheim'}]
- name: ab
  wechat_configs: [{corp_id: c, api_secret: geheim}]
  wecom_configs: [{url: 'https://qyapi.example/send?key=geheim'}]
  dingtalk_configs: [{url: 'https://ding.example/send?token=geheim', secret: geheim}]
inhibit_rules:
- source_matchers: [severity="critical"]
  target_matchers: [severity="warning"]
time_intervals:
- name: weekend
  time_intervals:
  - weekdays: [saturday, sunday]
    times: [{start_time: '09:00', end_time: '24:00'}]
    days_of_month: ['1:5', '-3:-1']
"""


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertmanagerProcess]:
    with AlertmanagerProcess(tmp_path_factory.mktemp("amtool"), CONFIG) as process:
        yield process


def amtool(process: AlertmanagerProcess, *arguments: str) -> str:
    done = subprocess.run(
        ["amtool", f"--alertmanager.url={process.url}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def query(process: AlertmanagerProcess, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(amtool(process, *arguments, "-o", "json"))
    return found


def test_an_alert_is_added_and_found(alertmanager: AlertmanagerProcess) -> None:
    amtool(
        alertmanager,
        *("alert", "add", "alertname=added", "node=a", "--annotation=summary=a b"),
        "--generator-url=http://prometheus/",
    )

    [found] = query(alertmanager, "alert", "query", "alertname=added", "node=~a|b")

    assert found["labels"] == {"alertname": "added", "node": "a"}
    assert found["annotations"] == {"summary": "a b"}
    assert found["status"]["state"] == "active"
    assert query(alertmanager, "alert", "query", "alertname=added", "node!=a") == []


def test_a_silence_is_added_found_extended_and_expired(alertmanager: AlertmanagerProcess) -> None:
    amtool(alertmanager, "alert", "add", "alertname=quiet")
    add = ("silence", "add", "alertname=quiet", "--duration=2h", "--comment=work", "--author=ops")
    id_ = amtool(alertmanager, *add).strip()

    [silence] = query(alertmanager, "silence", "query", "alertname=quiet")
    assert (silence["id"], silence["createdBy"]) == (id_, "ops")
    assert query(alertmanager, "alert", "query", "alertname=quiet") == []
    [found] = query(alertmanager, "alert", "query", "--silenced", "alertname=quiet")
    assert found["status"]["silencedBy"] == [id_]

    assert amtool(alertmanager, "silence", "update", "--duration=3h", id_)
    [silence] = query(alertmanager, "silence", "query", "alertname=quiet")
    assert silence["comment"] == "work"
    amtool(alertmanager, "silence", "expire", silence["id"])
    assert query(alertmanager, "silence", "query", "alertname=quiet") == []
    expired = query(alertmanager, "silence", "query", "--expired", "alertname=quiet")
    assert id_ in [each["id"] for each in expired]
    assert query(alertmanager, "alert", "query", "alertname=quiet")


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (["severity=critical", "team=a"], "pager,ab"),
        (["severity=critical"], "pager"),
        (["team=b"], "ab"),
        (["team=c"], "team"),
    ],
)
def test_routes_are_tested(
    alertmanager: AlertmanagerProcess, labels: list[str], receivers: str
) -> None:
    """From the configuration that the status shows."""
    assert amtool(alertmanager, "config", "routes", "test", *labels).strip() == receivers


def test_the_configuration_is_shown_without_secrets(alertmanager: AlertmanagerProcess) -> None:
    shown = amtool(alertmanager, "config", "show")

    assert "receiver: pager" in shown
    assert "geheim" not in shown
    assert "pager" in amtool(alertmanager, "config", "routes", "show")


def test_amtool_finds_the_shipped_configuration_good() -> None:
    file = Path(__file__).parents[3] / "deploy" / "alertmanager" / "alertmanager.yml"

    done = subprocess.run(
        ["amtool", "check-config", str(file)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
