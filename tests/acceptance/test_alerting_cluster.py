"""Two nodes on one database: one tells people; the other goes on where it was killed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from event_system.incidents.visits import EACH
from event_system.security.keys import hash_key
from event_system.sql.dsn import Dsn
from tests.support.alerting import Requests
from tests.support.mail import mail_server
from tests.support.process import NodeProcess
from tests.support.sql import ENGINES, connecting, fresh_database
from tests.support.waiting import wait_until
from tools.ports import free_port

FAR = "2999-01-01T00:00:00Z"
CONFIG = """
logging: {{level: info, format: json}}
metrics: {{store: {{enabled: false}}}}
alerting: {{config_file: alertmanager.yml}}
database: {{enabled: true, dsn: "{dsn}"}}
node: {{name: {name}, lease: 5s, address: "127.0.0.1:{port}"}}
security: {{api_keys: [{{name: ops, hash: "{hash}"}}]}}
"""
KEY = {"authorization": "Bearer esk_right"}
ALERTING = """
route: {{receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
receivers:
- name: team
  webhook_configs: [{{url: '{url}/hook'}}]
"""


@pytest.fixture(params=ENGINES)
def dsn(request: pytest.FixtureRequest) -> Iterator[Dsn]:
    with fresh_database(request.param, "alerting") as dsn:
        yield dsn


def alert(name: str, **members: Any) -> dict[str, Any]:
    return {"labels": {"alertname": name}, "endsAt": FAR, **members}


def told(requests: Requests) -> Counter[tuple[str, str]]:
    return Counter(
        (each["labels"]["alertname"], each["status"])
        for body in requests.bodies("/hook")
        for each in body["alerts"]
    )


def has_task(node: NodeProcess) -> bool:
    return "alerting" in httpx.get(f"{node.url}/health", timeout=30).json()["components"]


def kept(dsn: Dsn, kind: str) -> int:
    with connecting(dsn) as connection:
        counted = sa.text("SELECT count(*) FROM records WHERE kind = :kind")
        return int(
            connection.scalar(counted, {"kind": kind.encode() if dsn.dialect == "mysql" else kind})
            or 0
        )


def test_another_node_goes_on_where_the_one_that_told_was_killed(tmp_path: Path, dsn: Dsn) -> None:
    requests = Requests()
    with ExitStack() as stack:
        stack.callback(requests.close)
        nodes = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            (folder / "alertmanager.yml").write_text(ALERTING.format(url=requests.url))
            port = free_port()
            config = CONFIG.format(dsn=dsn.url, name=name, port=port, hash=hash_key("esk_right"))
            node = NodeProcess(folder, config)
            stack.callback(node.__exit__)
            node.start(port)
            nodes.append(node)
        wait_until(lambda: any(map(has_task, nodes)))
        [owner] = [node for node in nodes if has_task(node)]
        [other] = [node for node in nodes if node is not owner]
        unknown = httpx.post(f"{other.url}/api/v2/alerts", json=[alert("Down")], timeout=30)
        assert unknown.status_code == 401
        looped = {**KEY, "x-event-system-forwarded": "1"}
        answer = httpx.get(f"{other.url}/api/v2/alerts", headers=looped, timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (503, "alerting.away")
        assert answer.headers["retry-after"]
        answer = httpx.post(
            f"{other.url}/api/v2/alerts", json=[alert("Down")], headers=KEY, timeout=30
        )
        assert answer.status_code == 200
        shown = httpx.get(f"{other.url}/api/v2/alerts", headers=KEY, timeout=30).json()
        assert [each["labels"]["alertname"] for each in shown] == ["Down"]
        wait_until(lambda: told(requests)["Down", "firing"] and kept(dsn, "entries") == 1)
        httpx.post(f"{owner.url}/api/v2/alerts", json=[alert("Fresh")], headers=KEY, timeout=30)
        owner.kill()

        wait_until(lambda: has_task(other))
        wait_until(lambda: told(requests)["Fresh", "firing"])
        ends = {"startsAt": "2026-11-21T10:00:00Z", "endsAt": "2026-11-21T10:05:00Z"}
        gone = [alert("Down", **ends), alert("Fresh", **ends)]
        httpx.post(
            f"{other.url}/api/v2/alerts", json=gone, headers=KEY, timeout=30
        ).raise_for_status()
        wait_until(
            lambda: told(requests)["Down", "resolved"] and told(requests)["Fresh", "resolved"]
        )
        assert told(requests)["Down", "firing"] == 1
        query = {"type": "alert.*", "limit": "100"}

        def events() -> list[Any]:
            answer = httpx.get(f"{other.url}/api/events", params=query, headers=KEY, timeout=30)
            return list(answer.json()["events"])

        wait_until(lambda: len(events()) >= 4)
        assert Counter(e["type"] for e in events()) == {"alert.firing": 2, "alert.resolved": 2}


LINKED = """
metrics: {store: {interval: 1s}}
rules: {files: [rules.yml], shipped: false}
alerting: {config_file: alertmanager.yml}
incidents:
  page_gap: 0s
  chains: {P0: [{after: 0s, targets: ['person:ann'], methods: [email]}]}
on_call: {people: {ann: {email: ann@example.org}}}
"""
RULES = """
groups:
- {name: g, interval: 1s, rules: [{alert: Down, expr: vector(1), labels: {level: P0}}]}
"""
MAILING = """
global: {{smtp_smarthost: '127.0.0.1:{port}', smtp_from: a@example.org, smtp_require_tls: false}}
route: {{receiver: nobody}}
receivers: [{{name: nobody}}]
"""


@pytest.mark.parametrize("dsn", ENGINES[:1], indirect=True)
def test_the_other_node_answers_for_rules_and_for_links(tmp_path: Path, dsn: Dsn) -> None:
    with ExitStack() as stack:
        server, box = stack.enter_context(mail_server())
        nodes = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            (folder / "rules.yml").write_text(RULES)
            (folder / "alertmanager.yml").write_text(MAILING.format(port=server.port))
            port = free_port()
            given = {"dsn": dsn.url, "name": name, "port": port, "hash": hash_key("esk_right")}
            config = CONFIG.partition("database:")[2]
            node = NodeProcess(folder, LINKED + "database:" + config.format(**given))
            stack.callback(node.__exit__)
            node.start(port)
            nodes.append(node)
        wait_until(lambda: any(map(has_task, nodes)))
        [owner] = [node for node in nodes if has_task(node)]
        [other] = [node for node in nodes if node is not owner]

        def asked(path: str, **headers: str) -> httpx.Response:
            return httpx.get(f"{other.url}{path}", headers=headers, timeout=30)

        wait_until(lambda: asked("/api/v1/alerts", **KEY).json()["data"]["alerts"])
        [group] = asked("/api/v1/rules", **KEY).json()["data"]["groups"]
        assert (group["name"], group["rules"][0]["state"]) == ("g", "firing")
        assert asked("/api/v1/alerts").status_code == 401
        wait_until(lambda: box.messages)
        text = box.part(box.messages[0], "plain")
        link = re.findall(r"/i/\S+", text)[0]
        shown = asked(link, **{"accept-language": "zh"})
        assert (shown.status_code, shown.headers["x-frame-options"]) == (200, "DENY")
        assert "确认" in shown.text
        done = httpx.post(f"{other.url}{link}", timeout=30)
        assert "You have acknowledged it." in done.text
        [incident] = asked("/api/incidents", **KEY).json()["incidents"]
        assert incident["state"] == "acknowledged"
        looped = asked(link, **{"x-event-system-forwarded": "127.0.0.1"})
        assert (looped.status_code, looped.headers["content-type"]) == (
            503,
            "text/html; charset=utf-8",
        )
        statuses = [asked("/i/x").status_code for _ in range(EACH.burst + 15)]
        assert 429 in statuses
        assert httpx.get(f"{owner.url}{link}", timeout=30).status_code == 200
