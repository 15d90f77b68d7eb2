"""Alerting rules of a whole node: what the API shows, what a crash leaves, what a reload changes."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import httpx

from tests.support.alerting import Requests
from tests.support.process import NodeProcess
from tests.support.waiting import wait_until

CONFIG = """
metrics: {{store: {{interval: 1s}}}}
rules:
  files: ["*.rules.yml"]
  shipped: {shipped}
  runbook_base: https://docs.example.org
"""
WATCHED = """
alerting: {config_file: alertmanager.yml}
incidents: {watchdog: 1m}
"""
ALERTING = """
route:
  receiver: team
  group_wait: 0s
  routes: [ROUTES]
receivers:
- {{name: team, webhook_configs: [{{url: '{url}/team'}}]}}
- {{name: waiting, webhook_configs: [{{url: '{url}/waiting'}}]}}
"""
TO_WAITING = "{matchers: [alertname = Watchdog], receiver: waiting}"
RULES = """
groups:
  - name: own
    interval: 1s
    rules:
      - alert: Firing
        expr: vector(7) > 1
        labels: {level: P3}
        annotations: {summary: 'is {{ $value }}'}
      - {alert: Pending, expr: vector(1), for: 1d}
      - {alert: Held, expr: absent(own:alerts) * HELD, keep_firing_for: 1d}
      - {record: "own:alerts", expr: "count(ALERTS)"}
"""
"""`Held` is there at the first evaluation only."""


def alerts(client: httpx.Client) -> dict[str, Any]:
    found = client.get("/api/v1/alerts").json()["data"]["alerts"]
    return {each["labels"]["alertname"]: each for each in found}


def moments(found: dict[str, Any]) -> dict[str, tuple[str, str, str | None]]:
    return {
        name: (each["state"], each["activeAt"], each.get("keepFiringSince"))
        for name, each in found.items()
    }


def rules(client: httpx.Client, **query: str) -> dict[str, Any]:
    groups = client.get("/api/v1/rules", params=query).json()["data"]["groups"]
    return {rule["name"]: rule for group in groups for rule in group["rules"]}


def write(folder: Path, text: str) -> None:
    (folder / "own.rules.yml").write_text(text, encoding="utf-8")


def is_all_there(client: httpx.Client) -> bool:
    found = alerts(client)
    return {"Firing", "Pending", "Held"} <= found.keys() and "keepFiringSince" in found["Held"]


def test_a_crash_leaves_every_alert_as_it_was(tmp_path: Path) -> None:
    write(tmp_path, RULES.replace("HELD", "1"))
    with NodeProcess(tmp_path, CONFIG.format(shipped="false")) as node:
        with node.client() as client:
            wait_until(lambda: is_all_there(client))
            before = alerts(client)
            shown = rules(client, type="alert")
        node.kill()
        node.start()
        with node.client() as client:
            wait_until(lambda: is_all_there(client))
            after = alerts(client)

    assert moments(after) == moments(before)
    assert {name: each["state"] for name, each in after.items()} == {
        "Firing": "firing",
        "Pending": "pending",
        "Held": "firing",
    }
    assert after["Firing"]["value"] == "7e+00"
    assert after["Firing"]["labels"] == {"alertname": "Firing", "level": "P3"}
    assert after["Firing"]["annotations"] == {"summary": "is 7"}
    assert shown.keys() == {"Firing", "Pending", "Held"}
    assert shown["Firing"]["alerts"] == [before["Firing"]]
    assert (shown["Pending"]["state"], shown["Pending"]["duration"]) == ("pending", 86400)


def test_files_that_change_are_taken_over_and_bad_ones_refused(tmp_path: Path) -> None:
    write(tmp_path, RULES.replace("HELD", "1"))
    with NodeProcess(tmp_path, CONFIG.format(shipped="true")) as node, node.client() as client:
        wait_until(lambda: is_all_there(client))
        before = moments(alerts(client))
        shipped = rules(client)["SystemCpuUsageHigh"]
        write(tmp_path, "groups: [{name: own, rules: [{alert: New, expr: 'sum('}]}]\n")
        wait_until(lambda: refusals(node))
        kept = moments(alerts(client))
        fresh = "  - {name: fresh, interval: 1s, rules: [{alert: New, expr: vector(1)}]}\n"
        write(tmp_path, RULES.replace("HELD", "2") + fresh)
        wait_until(lambda: "New" in alerts(client))
        after = moments(alerts(client))

    assert {name: kept[name] for name in before} == before
    assert "line 1" in str(refusals(node))
    assert {name: after[name] for name in ("Firing", "Pending")} == {
        name: before[name] for name in ("Firing", "Pending")
    }
    assert "Held" not in after  # its expression is another one
    runbook = shipped["annotations"]["runbook_url"]
    assert runbook == "https://docs.example.org/docs/runbooks/SystemCpuUsageHigh.md"


def refusals(node: NodeProcess) -> list[dict[str, Any]]:
    return [each for each in node.messages() if "refused" in str(each)]


def test_alerts_are_told_to_alertmanagers(tmp_path: Path) -> None:
    write(tmp_path, RULES.replace("HELD", "1"))
    (tmp_path / "token").write_text("geheim\n", encoding="utf-8")
    first, second = Requests((200, b"")), Requests((200, b""))
    access = f"{{url: '{second.url}/base', authorization: {{credentials_file: {tmp_path}/token}}}}"
    config = CONFIG.format(shipped="false") + f"  alertmanagers: ['{first.url}', {access}]\n"
    with NodeProcess(tmp_path, config):
        wait_until(lambda: told(first, "/api/v2/alerts") >= {"Firing", "Held"})
        wait_until(lambda: told(second, "/base/api/v2/alerts") >= {"Firing", "Held"})
    first.close()
    second.close()

    assert second.headers[0]["authorization"] == "Bearer geheim"
    assert told(first, "/") == {"Firing", "Held"}  # and nothing of what is pending
    alerts_told = [each for body in first.bodies("/") for each in body]
    assert {frozenset(each) for each in alerts_told} == {
        frozenset({"labels", "annotations", "startsAt", "endsAt", "generatorURL"})
    }
    (firing,) = {str(each["annotations"]) for each in alerts_told if each["annotations"]}
    assert firing == "{'summary': 'is 7'}"


def test_an_alertmanager_that_takes_nothing_is_told_with_the_health(tmp_path: Path) -> None:
    write(tmp_path, RULES.replace("HELD", "1"))
    server = Requests((503, b""))
    config = CONFIG.format(shipped="false") + f"  alertmanagers: ['{server.url}']\n"
    with NodeProcess(tmp_path, config) as node, node.client() as client:
        wait_until(lambda: "reasons" in client.get("/health").json())
        ill = client.get("/health").json()
        server.answer = (200, b"")
        wait_until(lambda: client.get("/health").json()["components"]["rules"] == "ok")
        assert "reasons" not in client.get("/health").json()
    server.close()

    assert ill["components"]["rules"] == ill["status"] == "degraded"
    assert ill["reasons"] == {"rules": "1 of 1 Alertmanagers take no alerts"}


def told(server: Requests, path: str) -> set[str]:
    return {each["labels"]["alertname"] for body in server.bodies(path) for each in body}


def receivers_of_watchdog(client: httpx.Client) -> dict[str, str | None]:
    """The receivers that it goes to, each with what its first channel knows of it."""
    answer = client.get("/api/alerts/explain", params={"label": "alertname=Watchdog"})
    groups = answer.json().get("groups", ())
    known = [(each["receiver"], (each["channels"] or [{}])[0].get("known")) for each in groups]
    return {receiver: (found or {}).get("of_alert") for receiver, found in known}


def names(server: Requests, path: str) -> set[str]:
    found = server.bodies(path)
    return {each["labels"]["alertname"] for body in found for each in body["alerts"]}


def test_the_watchdog_is_told_to_incidents_and_to_whoever_asks_for_it_by_name(
    tmp_path: Path,
) -> None:
    server, file = Requests(), tmp_path / "alertmanager.yml"
    given = ALERTING.format(url=server.url)
    file.write_text(given.replace("ROUTES", ""), encoding="utf-8")
    config = CONFIG.format(shipped="true").replace("files:", "interval: 1s\n  files:") + WATCHED
    write(tmp_path, RULES.replace("HELD", "1"))
    with NodeProcess(tmp_path, config) as node, node.client() as client:
        wait_until(lambda: receivers_of_watchdog(client) == {"incidents/watchdog": "firing"})
        wait_until(lambda: "Firing" in names(server, "/team"))
        file.write_text(given.replace("ROUTES", TO_WAITING), encoding="utf-8")
        node.signal(signal.SIGHUP)
        wait_until(lambda: names(server, "/waiting") == {"Watchdog"})

        assert receivers_of_watchdog(client).keys() == {"incidents/watchdog", "waiting"}
        assert "Watchdog" not in names(server, "/team")
        events = client.get("/api/events", params={"type": "alert.*"}).json()["events"]
        announced = {each["data"]["labels"]["alertname"] for each in events}
        assert "Firing" in announced
        assert "Watchdog" not in announced
        log = client.get("/api/notifications").json()["notifications"]
        assert "incidents/watchdog" not in {each["receiver"] for each in log}
    server.close()


VALUED = """
groups:
  - name: own
    interval: 1s
    rules:
      - {alert: Growing, expr: vector(time()) > 1, labels: {level: P1}, annotations: {summary: grows}}
      - {alert: Described, expr: vector(0.5), labels: {level: P1}, annotations: {value: '50 %'}}
"""
"""The value of `Growing` is another one each time."""


def test_incidents_and_events_tell_the_value_with_which_an_alert_began(tmp_path: Path) -> None:
    write(tmp_path, VALUED)
    with NodeProcess(tmp_path, CONFIG.format(shipped="false")) as node:
        with node.client() as client:
            wait_until(lambda: values(client).keys() == {"Growing", "Described"})
            before = values(client)
            events = client.get("/api/events", params={"type": "alert.firing"}).json()["events"]
        node.kill()
        node.start()
        with node.client() as client:
            wait_until(lambda: alerts(client).keys() == {"Growing", "Described"})
            after = values(client)
    announced = {
        each["data"]["labels"]["alertname"]: (each["data"]["value"], each["data"]["annotations"])
        for each in events
    }

    assert after == before
    assert before["Described"] == "50 %"
    assert announced == {
        "Growing": (before["Growing"], {"summary": "grows"}),
        "Described": ("0.5", {"value": "50 %"}),
    }
    assert float(before["Growing"]) > 1


def values(client: httpx.Client) -> dict[str, str]:
    """Of the alerts of incidents."""
    answer = client.get("/api/incidents")
    found = answer.json()["incidents"] if answer.status_code == 200 else []
    details = [client.get(f"/api/incidents/{each['id']}").json() for each in found]
    return {each["name"]: each["value"] for detail in details for each in detail["alerts"]}
