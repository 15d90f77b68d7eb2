"""The same alerts and the same configuration in Debian's Alertmanager and in ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.alerting import AlertmanagerProcess, Requests
from tests.support.mail import Mailbox, mail_server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.service("alertmanager")

CONFIG = """
global:
  smtp_smarthost: 127.0.0.1:{mail}
  smtp_from: alerts@example.org
  smtp_require_tls: false
  slack_api_url: {url}/slack
  wechat_api_url: {url}/wechat/
  wechat_api_secret: geheim
  wechat_api_corp_id: corp
route:
  receiver: all.of.them
  group_by: [alertname]
  group_wait: 1s
  group_interval: 1s
receivers:
- name: all.of.them
  webhook_configs:
  - url: {url}/webhook
  - url: {url}/short
    max_alerts: 1
  slack_configs:
  - channel: '#ops'
    send_resolved: true
    title: '{{{{ .GroupLabels.alertname }}}} {{{{ .Alerts.Firing | len }}}} "{{{{ .CommonAnnotations.summary }}}}"'
    fields: [{{title: job, value: '{{{{ .CommonLabels.job }}}}'}}]
    link_names: true
  - channel: '#plain'
  wechat_configs:
  - to_user: '@all'
    agent_id: '1'
    send_resolved: true
  email_configs:
  - to: team@example.org, other@example.org
    send_resolved: true
    headers: {{subject: 'On {{{{ .GroupLabels.alertname }}}}: {{{{ .Status }}}}'}}
    html: ''
    text: '{{{{ range .Alerts }}}}{{{{ .Labels.job }}}} {{{{ .Annotations.summary }}}} 告警{{{{ end }}}}'
inhibit_rules:
- source_matchers: ['severity="critical"']
  target_matchers: ['severity="warning"']
  equal: [alertname]
"""
ALERTS: list[dict[str, Any]] = [
    {
        "labels": {"alertname": "Down", "job": "api", "host": host},
        "annotations": {"summary": f"{host} is down", "both": 'a "quote" & 中文'},
        "startsAt": "2999-01-01T00:00:00.123456Z",
        "endsAt": "2999-02-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph?g0=1",
    }
    for host in ("a", "b")
]
"""They begin late, as a group would not wait for what has begun before."""
PAST = {"startsAt": "2026-11-21T10:00:00.123456Z", "endsAt": "2026-11-21T10:05:00Z"}
RESOLVED = [{**each, **PAST} for each in ALERTS]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Requests, Mailbox]]]:
    """What each was made to tell: the real one's, then ours."""
    directory = tmp_path_factory.mktemp("both")
    with ThreadPoolExecutor(2) as pool:
        yield list(pool.map(lambda real: _told(directory, real), (True, False)))


def _told(directory: Path, real: bool) -> tuple[Requests, Mailbox]:
    requests = Requests()
    with mail_server() as (mail, box):
        config = CONFIG.format(url=requests.url, mail=mail.port)
        with AlertmanagerProcess(directory / f"real-{real}", config, real=real) as process:
            assert process.post(*ALERTS).status_code == 200
            wait_until(lambda: len(requests.bodies("/webhook")) == 1)
            wait_until(lambda: len(requests.seen) >= 6 and len(box.messages) >= 1)
            assert process.post(*RESOLVED).status_code == 200
            wait_until(lambda: len(requests.bodies("/webhook")) == 2)
            wait_until(lambda: len(requests.seen) >= 10 and len(box.messages) >= 2)
    requests.close()
    return requests, box


@pytest.mark.parametrize("path", ["/webhook", "/short", "/slack", "/wechat/message"])
def test_receivers_get_the_same(both: list[tuple[Requests, Mailbox]], path: str) -> None:
    theirs, ours = ([_normal(body) for body in requests.bodies(path)] for requests, _ in both)

    assert len(theirs) >= 2
    assert sorted(ours, key=str) == sorted(theirs, key=str)


EMPTY = {"content": ""}


def _normal(body: Any) -> Any:
    """Without an empty member of theirs, and with moments written alike."""
    if isinstance(body, dict):
        return {key: _normal(value) for key, value in body.items() if value != EMPTY}
    if isinstance(body, list):
        return [_normal(item) for item in body]
    if isinstance(body, str):
        return re.sub(r"\.(\d*?)0*Z$", r".\1Z", body)
    return body


def test_both_ask_for_a_token_in_the_same_way(both: list[tuple[Requests, Mailbox]]) -> None:
    asked = [{path for _, path, _ in r.seen if "gettoken" in path} for r, _ in both]

    assert asked[0] == asked[1] == {"/wechat/gettoken?corpid=corp&corpsecret=geheim"}


def test_both_write_the_same_mail(both: list[tuple[Requests, Mailbox]]) -> None:
    theirs, ours = (box.texts() for _, box in both)

    assert len(theirs) == 2
    assert ours == theirs
    recipients = [box.recipients for _, box in both]
    assert recipients[0] == recipients[1]


BODIES = [
    "[]",
    "x",
    "{}",
    "[{}]",
    "null",
    '[{"labels":{}}]',
    '[{"labels":{"0a":"x"}}]',
    '[{"labels":{"a":1}}]',
    '[{"labels":{"a":"b"},"startsAt":"nope"}]',
    '[{"labels":{"a":"b"},"startsAt":"2026-11-21T19:00:00Z","endsAt":"2026-11-21T18:00:00Z"}]',
    '[{"labels":{"a":"b"},"annotations":null,"startsAt":"0001-01-01T00:00:00.000Z","more":1}]',
]
SILENCES = [
    "{}",
    '{"matchers":[],"startsAt":"2026-01-01T00:00:00Z","endsAt":"2999-01-01T00:00:00Z","createdBy":"a","comment":"c"}',
    '{"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2026-01-01T00:00:00Z","endsAt":"2999-01-01T00:00:00Z","createdBy":"a","comment":"c"}',
    '{"matchers":[{"name":"a","value":"","isRegex":false}],"startsAt":"2026-01-01T00:00:00Z","endsAt":"2999-01-01T00:00:00Z","createdBy":"a","comment":"c"}',
    '{"matchers":[{"name":"a","value":"(","isRegex":true}],"startsAt":"2026-01-01T00:00:00Z","endsAt":"2999-01-01T00:00:00Z","createdBy":"a","comment":"c"}',
    '{"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2998-01-01T00:00:00Z","endsAt":"2997-01-01T00:00:00Z","createdBy":"a","comment":"c"}',
    '{"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2020-01-01T00:00:00Z","endsAt":"2021-01-01T00:00:00Z","createdBy":"a","comment":"c"}',
    '{"id":"nope","matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2026-01-01T00:00:00Z","endsAt":"2999-01-01T00:00:00Z","createdBy":"a","comment":"c"}',
]
QUERIES = [
    "alerts",
    "alerts?filter=alertname%3DDown",
    "alerts?filter=host%3D~%22a|x%22&filter=job%3Dapi",
    "alerts?filter=nope",
    "alerts?filter=a%3D~%22(%22",
    "alerts?receiver=all.*",
    "alerts?receiver=nobody",
    "alerts?receiver=%5B",
    "alerts?active=false",
    "alerts?silenced=false",
    "alerts?inhibited=false",
    "alerts/groups",
    "alerts/groups?receiver=nobody",
    "alerts/groups?filter=host%3Da",
    "receivers",
    "silence/nope",
    "silence/5cdbd0c6-6a1c-4b3e-8b21-2a6ae3f3a8a1",
    "nothing",
]
WARNED = {"labels": {"alertname": "Down", "severity": "warning"}}
CRITICAL = {"labels": {"alertname": "Down", "severity": "critical"}}


def test_both_answer_the_same(tmp_path: Path) -> None:
    """Statuses of everything, and the content of lists."""
    with ThreadPoolExecutor(2) as pool:
        theirs, ours = pool.map(lambda real: _answers(tmp_path, real), (True, False))

    assert ours == theirs


def _answers(directory: Path, real: bool) -> dict[str, Any]:
    import httpx

    config = CONFIG.format(url="http://127.0.0.1:9", mail=9)
    found: dict[str, Any] = {}
    json = {"content-type": "application/json"}
    with (
        AlertmanagerProcess(directory / f"answers-{real}", config, real=real) as process,
        httpx.Client(base_url=f"{process.url}/api/v2/", timeout=30, headers=json) as client,
    ):
        for path, bodies in (("alerts", BODIES), ("silences", SILENCES)):
            for body in bodies:
                found[f"{path} {body}"] = client.post(path, content=body).status_code
        silence = {
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "2999-01-01T00:00:00Z",
            "createdBy": "ops",
            "comment": "",
            "matchers": [{"name": "host", "value": "a", "isRegex": False}],
        }
        id_ = client.post("silences", json=silence).json()["silenceID"]
        assert process.post(*ALERTS, WARNED, CRITICAL).status_code == 200
        wait_until(lambda: sum(len(g["alerts"]) for g in client.get("alerts/groups").json()) == 5)
        wait_until(lambda: any(a["status"]["inhibitedBy"] for a in client.get("alerts").json()))
        for query in QUERIES:
            answer = client.get(query)
            is_list = answer.status_code == 200
            found[query] = answer.status_code, _shape(answer.json()) if is_list else None
        found["expire"] = client.delete(f"silence/{id_}").status_code
        found["again"] = client.delete(f"silence/{id_}").status_code
        found["expired"] = _shape(client.get(f"silence/{id_}").json())
    return found


UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _shape(content: Any) -> Any:
    """Without moments of this run and ids; names of members stay."""
    if isinstance(content, dict):
        moving = ("updatedAt", "endsAt", "startsAt", "id")
        return {key: "…" if key in moving else _shape(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_shape(item) for item in content]
    return "a silence" if isinstance(content, str) and UUID.fullmatch(content) else content
