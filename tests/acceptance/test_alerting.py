"""Alerting inside a node: what comes in, who is told, which events there are, kills in between."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

from event_system.security.keys import hash_key
from tests.support.alerting import Requests
from tests.support.process import NodeProcess
from tests.support.prometheus import running
from tests.support.waiting import wait_until

LISTENERS = [Path(__file__).parent / "listeners" / "alerted.py"]
CONFIG = """
logging: {{level: info, format: json}}
metrics: {{store: {{enabled: false}}}}
alerting: {{config_file: alertmanager.yml}}
{more}
"""
ALERTING = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: {wait}s
  group_interval: 1s
receivers:
- name: team
  webhook_configs: [{{url: '{url}/hook?key=geheim'}}]
"""
FAR = "2999-01-01T00:00:00Z"
SILENCE: dict[str, Any] = {
    "startsAt": "2026-01-01T00:00:00Z",
    "endsAt": FAR,
    "createdBy": "ops",
    "comment": "",
}


@pytest.fixture
def requests() -> Iterator[Requests]:
    found = Requests()
    yield found
    found.close()


def node_in(directory: Path, alerting: str, more: str = "") -> NodeProcess:
    (directory / "alertmanager.yml").write_text(alerting)
    return NodeProcess(directory, CONFIG.format(more=more), LISTENERS)


def alert(name: str, **members: Any) -> dict[str, Any]:
    return {"labels": {"alertname": name}, "endsAt": FAR, **members}


def ended(name: str) -> dict[str, Any]:
    return alert(name, startsAt="2026-11-21T10:00:00Z", endsAt="2026-11-21T10:05:00Z")


def post(node: NodeProcess, *alerts: dict[str, Any], **options: Any) -> None:
    answer = httpx.post(f"{node.url}/api/v2/alerts", json=list(alerts), timeout=30, **options)
    assert answer.status_code == 200, answer.text


def get(node: NodeProcess, path: str) -> Any:
    return httpx.get(f"{node.url}/api/v2/{path}", timeout=30).json()


def told(requests: Requests) -> Counter[tuple[str, str]]:
    """How often receivers were told of each alert, by its name and state."""
    return Counter(
        (each["labels"]["alertname"], each["status"])
        for body in requests.bodies("/hook")
        for each in body["alerts"]
    )


def heard(node: NodeProcess) -> set[tuple[str, str]]:
    """What the listener has heard: of which alert, and what. Some may have come twice."""
    file = node.directory / "alerted.log"
    lines = file.read_text().splitlines() if file.exists() else []
    events = [json.loads(line) for line in lines]
    return {(each["labels"]["alertname"], each["type"]) for each in events}


def announced(node: NodeProcess) -> list[dict[str, Any]]:
    """The events of alerts in the log, the oldest first."""
    query = {"type": "alert.*", "limit": "100"}
    answer = httpx.get(f"{node.url}/api/events", params=query, timeout=30)
    found: list[dict[str, Any]] = answer.json()["events"]
    return sorted(found, key=lambda event: int(event["offset"]))


def names_announced(node: NodeProcess) -> Counter[tuple[str, str]]:
    return Counter((each["data"]["labels"]["alertname"], each["type"]) for each in announced(node))


def kept(node: NodeProcess, kind: str) -> int:
    """How many records of a kind are on the disk."""
    connection = apsw.Connection(str(node.data / "alerting.db"))
    connection.set_busy_timeout(30_000)
    try:
        query = "SELECT count(*) FROM records WHERE kind = ?"
        return int(connection.execute(query, (kind,)).get)
    finally:
        connection.close()


def test_kills_in_every_state_tell_nothing_twice_but_what_was_in_hand_and_forget_nothing(
    tmp_path: Path, requests: Requests
) -> None:
    """Told, silenced, and accepted a moment before the kill."""
    with node_in(tmp_path, ALERTING.format(url=requests.url, wait=0)) as node:
        quiet = {"name": "alertname", "value": "Quiet", "isRegex": False}
        silence = {**SILENCE, "matchers": [quiet]}
        httpx.post(f"{node.url}/api/v2/silences", json=silence, timeout=30).raise_for_status()
        post(node, alert("Told"), alert("Quiet"))
        wait_until(lambda: told(requests)["Told", "firing"] and kept(node, "entries") == 1)
        wait_until(lambda: len(announced(node)) == 2)
        post(node, alert("Fresh"))
        node.kill()

        node.start()
        wait_until(lambda: told(requests)["Fresh", "firing"] and kept(node, "entries") == 2)
        assert [each["status"]["state"] for each in get(node, "alerts")].count("suppressed") == 1
        post(node, alert("Told"), alert("Quiet"), alert("Fresh"))
        wait_until(lambda: len(announced(node)) == 3 and not kept(node, "announcements"))
        node.kill()

        node.start()
        post(node, ended("Told"), ended("Quiet"), ended("Fresh"))
        wait_until(
            lambda: told(requests)["Told", "resolved"] and told(requests)["Fresh", "resolved"]
        )
        wait_until(lambda: len(announced(node)) == 6 and len(heard(node)) == 6)

        names, states = ("Told", "Fresh"), ("firing", "resolved")
        found = told(requests)
        assert found.keys() == {(name, state) for name in names for state in states}
        assert found.pop(("Fresh", "firing")) <= 2  # the kill may have come while it was told
        assert set(found.values()) == {1}
        assert names_announced(node) == {
            (name, type_): 1
            for name in (*names, "Quiet")
            for type_ in ("alert.firing", "alert.resolved")
        }


def test_an_alert_that_waits_for_its_group_is_told_after_a_kill(
    tmp_path: Path, requests: Requests
) -> None:
    with node_in(tmp_path, ALERTING.format(url=requests.url, wait=2)) as node:
        post(node, alert("Pending"))
        node.kill()
        node.start()

        wait_until(lambda: told(requests)["Pending", "firing"])


def test_a_receiver_that_was_down_is_told_once_it_is_back(
    tmp_path: Path, requests: Requests
) -> None:
    requests.answers = [(503, b"")] * 3
    with node_in(tmp_path, ALERTING.format(url=requests.url, wait=0)) as node:
        post(node, alert("Down"))
        wait_until(lambda: len(requests.seen) == 4)
        wait_until(lambda: kept(node, "entries") == 1)

        numbers = node.metrics()
        assert (
            numbers['alertmanager_notification_requests_failed_total{integration="webhook"}'] == 3
        )
        assert numbers['alertmanager_notifications_total{integration="webhook"}'] == 1
        wait_until(lambda: node.metrics()['alertmanager_alerts{state="active"}'] == 1)
        (delivery,) = httpx.get(f"{node.url}/api/notifications").json()["notifications"]
        assert (delivery["status"], delivery["attempt_count"]) == ("sent", 4)
        assert "geheim" not in "\n".join(node.log)


def test_an_event_says_what_began_and_what_ended(tmp_path: Path, requests: Requests) -> None:
    given = {
        "annotations": {"summary": "发生了"},
        "startsAt": "2026-11-21T10:00:00Z",
        "generatorURL": "http://prometheus/graph",
    }
    with node_in(tmp_path, ALERTING.format(url=requests.url, wait=0)) as node:
        post(node, alert("Disk", **given))
        post(node, alert("Disk", **given))
        post(node, alert("Disk", **{**given, "endsAt": "2026-11-21T10:05:00Z"}))
        wait_until(lambda: len(heard(node)) == 2)
        [began, over] = announced(node)
        types = httpx.get(f"{node.url}/api/types", timeout=30).json()["types"]

    assert began["source"] == "event-system"
    assert began["subject"] == began["data"]["fingerprint"]
    assert began["data"] == {
        "fingerprint": began["subject"],
        "status": "firing",
        "labels": {"alertname": "Disk"},
        "annotations": {"summary": "发生了"},
        "starts_at": "2026-11-21T10:00:00.000Z",
        "ends_at": None,
        "generator_url": "http://prometheus/graph",
        "value": None,
    }
    assert (began["type"], over["type"]) == ("alert.firing", "alert.resolved")
    ending = {"status": "resolved", "ends_at": "2026-11-21T10:05:00.000Z"}
    assert over["data"] == {**began["data"], **ending}
    assert {"alert.firing", "alert.resolved"} <= {each["name"] for each in types}


def test_a_bad_file_is_refused_with_all_its_faults_and_the_old_one_goes_on(
    tmp_path: Path, requests: Requests
) -> None:
    good = ALERTING.format(url=requests.url, wait=0)
    with node_in(tmp_path, good) as node:
        file = tmp_path / "alertmanager.yml"
        file.write_text(good.replace("receiver: team", "receiver: nobody\n  gruppe: x"))
        node.signal(signal.SIGHUP)
        wait_until(lambda: any("is refused" in line for line in node.log))
        [refused] = [line for line in node.log if "is refused" in line][:1]
        assert "there is no receiver 'nobody'" in refused
        assert "gruppe" in refused
        post(node, alert("Before"))
        wait_until(lambda: told(requests)["Before", "firing"])

        file.write_text(good.replace("/hook", "/hook2"))
        wait_until(lambda: any("alerting is taken over" in line for line in node.log))
        post(node, alert("After"))
        wait_until(lambda: "After" in str(requests.bodies("/hook2")))
        assert "Before" not in str(requests.bodies("/hook2"))


def test_a_node_does_not_start_with_a_bad_file(tmp_path: Path) -> None:
    from tests.support.process import run_command

    (tmp_path / "alertmanager.yml").write_text("route: {receiver: nobody}")
    (tmp_path / "config.yaml").write_text(CONFIG.format(more=""))

    done = run_command("config", "check", "--config", str(tmp_path / "config.yaml"))

    assert done.returncode != 0
    assert "alerting.config_file" in done.stdout + done.stderr
    assert "there is no receiver 'nobody'" in done.stdout + done.stderr


def test_without_a_file_alerts_go_by_their_level_and_the_log_says_that_nobody_is_told(
    tmp_path: Path,
) -> None:
    config = "logging: {level: info, format: json}\nmetrics: {store: {enabled: false}}"
    with NodeProcess(tmp_path, config) as node:
        labels = [{"level": "P1"}, {"severity": "critical"}, {"severity": "info"}, {"a": "b"}]
        post(node, *({"labels": {"alertname": "x", **each}} for each in labels))

        found = {
            tuple(each["labels"].values()): [name["name"] for name in each["receivers"]]
            for each in get(node, "alerts")
        }
        assert sorted(found.values()) == [["P3"], ["P3"], ["incidents", "P0"], ["incidents", "P1"]]
        assert sum("nobody is notified" in line for line in node.log) == 1
        assert httpx.get(f"{node.url}/health", timeout=30).json()["components"]["alerting"] == "ok"


def test_a_node_with_alerting_switched_off_says_so(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, "alerting: {enabled: false}") as node:
        answer = httpx.get(f"{node.url}/api/v2/alerts", timeout=30)

        assert answer.status_code == 503
        assert answer.headers["retry-after"]


KEYS = f"security: {{api_keys: [{{name: prometheus, hash: '{hash_key('esk_right')}'}}]}}"


@pytest.mark.service("amtool")
def test_amtool_works_with_a_key_of_the_node_and_not_without(
    tmp_path: Path, requests: Requests
) -> None:
    alerting = ALERTING.format(url=requests.url, wait=0)
    with node_in(tmp_path, alerting, KEYS) as node:
        http = tmp_path / "http.yml"
        http.write_text("authorization: {credentials: esk_right}")

        def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = ["amtool", f"--alertmanager.url={node.url}", *arguments]
            return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

        known = f"--http.config.file={http}"
        assert amtool("alert", "add", "alertname=added").returncode != 0
        assert amtool(known, "alert", "add", "alertname=added").returncode == 0
        silence = ("silence", "add", "alertname=added", "--comment=work", "--author=ops")
        id_ = amtool(known, *silence).stdout.strip()
        shown = amtool(known, "alert", "query", "--silenced", "-o", "json").stdout
        assert json.loads(shown)[0]["status"]["silencedBy"] == [id_]
        assert amtool(known, "config", "routes", "test", "a=b").stdout.strip() == "team"
        assert "geheim" not in amtool(known, "config", "show").stdout


@pytest.mark.service("prometheus")
def test_a_real_prometheus_sends_its_alerts_to_a_node(tmp_path: Path, requests: Requests) -> None:
    alerting = ALERTING.format(url=requests.url, wait=0)
    folder = tmp_path / "prometheus"
    folder.mkdir()
    with node_in(tmp_path, alerting, KEYS) as node:
        (folder / "rules.yml").write_text(
            "groups: [{name: g, interval: 1s, rules: [{alert: Always, expr: vector(1)}]}]"
        )
        (folder / "prometheus.yml").write_text(
            "rule_files: [rules.yml]\n"
            "alerting: {alertmanagers: [{authorization: {credentials: esk_right},"
            f" static_configs: [{{targets: ['127.0.0.1:{node.port}']}}]}}]}}\n"
        )
        resend = "--rules.alert.resend-delay=1s"  # its first reports find no receiver yet
        with running(folder, folder / "data", resend):
            wait_until(lambda: told(requests)["Always", "firing"])
            wait_until(lambda: heard(node) == {("Always", "alert.firing")})
