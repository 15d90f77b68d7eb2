"""The test button and the delivery log, from the command line to the channel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from event_system.alerting.trials import EACH
from tests.support.alerting import AlertmanagerProcess, Requests
from tests.support.mail import mail_server
from tests.support.process import run_command
from tests.support.waiting import wait_until

CONFIG = """
route: {{receiver: team, group_wait: 0s}}
receivers:
- name: team/a
  webhook_configs:
  - {{url: '{url}/geheim?key=geheim'}}
  - {{url: 'http://127.0.0.1:9/geheim'}}
- name: mail
  email_configs:
  - {{to: 'a@example.org', from: 'b@example.org', smarthost: '127.0.0.1:{mail}', require_tls: false, language: zh}}
- name: team
  webhook_configs:
  - {{url: '{url}/hook'}}
"""


@pytest.fixture(scope="module")
def requests() -> Iterator[Requests]:
    found = Requests()
    yield found
    found.close()


@pytest.fixture(scope="module")
def process(
    requests: Requests, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AlertmanagerProcess]:
    directory: Path = tmp_path_factory.mktemp("alerting")
    with AlertmanagerProcess(directory, CONFIG.format(url=requests.url, mail=9)) as process:
        yield process


def test_a_channel_is_tried_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    with mail_server() as (server, box):
        file.write_text(CONFIG.format(url="http://127.0.0.1:9", mail=server.port))
        done = run_command("notify", "test", "mail", "--config", str(file))

    assert done.returncode == 0, done.stderr
    assert "mail email[0]: taken" in done.stdout
    assert f"127.0.0.1:{server.port} is 127.0.0.1" in done.stdout
    assert "connected, without TLS so far" in done.stdout
    [message] = box.messages
    assert message["Subject"].startswith("[告警:1] TestNotification")
    assert "测试通知，没有发生任何问题" in box.part(message, "plain")


def test_one_channel_of_a_receiver_is_tried_by_a_process(
    process: AlertmanagerProcess, requests: Requests
) -> None:
    done = run_command("notify", "test", "team/a/webhook/0", "--url", process.url, "--json")

    assert done.returncode == 0, done.stderr
    [channel] = json.loads(done.stdout)["channels"]
    assert [(each["name"], each["passed"]) for each in channel["stages"]] == [
        *[("address", True), ("connection", True), ("answer", True)]
    ]
    body = requests.bodies("/geheim")[-1]
    assert body["alerts"][0]["labels"]["alertname"] == "TestNotification"
    assert "Nothing has happened" in body["commonAnnotations"]["summary"]


def test_a_channel_that_fails_is_told_and_fails_the_command(process: AlertmanagerProcess) -> None:
    done = run_command("notify", "test", "team/a", "--url", process.url)

    assert done.returncode == 1
    assert "team/a webhook[0]: taken" in done.stdout
    assert "team/a webhook[1]: NOT taken" in done.stdout
    assert "127.0.0.1:9 cannot be reached" in done.stdout
    assert "geheim" not in done.stdout + done.stderr


def test_a_receiver_that_is_none_is_told(process: AlertmanagerProcess) -> None:
    done = run_command("notify", "test", "nobody", "--url", process.url)

    assert done.returncode == 1
    assert "there is no receiver 'nobody'; there are: mail, team, team/a" in done.stderr
    done = run_command("notify", "test", "team/webhook/7", "--url", process.url)
    assert "has no webhook[7]; it has: webhook[0]" in done.stderr


def test_what_became_of_a_notification_is_shown_and_outlives_the_process(
    process: AlertmanagerProcess,
) -> None:
    process.post({"labels": {"alertname": "Down"}, "endsAt": "2999-01-01T00:00:00Z"})
    found = wait_until(lambda: logged(process, receiver="team", status="sent"))
    [alert] = process.get("alerts")
    assert found[0]["alerts"] == [alert["fingerprint"]]
    process.stop()
    process.start()

    assert logged(process, fingerprint=alert["fingerprint"])[-1] == found[0]
    shown = run_command(
        "notify", "log", "--receiver", "team", "--since", "1h", "--url", process.url
    )
    assert shown.returncode == 0, shown.stderr
    assert "webhook[0]" in shown.stdout


def test_the_log_goes_on_where_a_page_ends(process: AlertmanagerProcess) -> None:
    for _ in range(2):
        run_command("notify", "test", "team/a/webhook/0", "--url", process.url)
    first = asked(process, limit=1).json()
    second = asked(process, limit=1, before=first["next"]).json()

    assert len(first["notifications"]) == len(second["notifications"]) == 1
    assert second["notifications"][0]["id"] < first["notifications"][0]["id"]


@pytest.mark.parametrize(
    ("query", "where"),
    [({"limit": "0"}, "limit"), ({"since": "soon"}, "since"), ({"status": "lost"}, "status")],
)
def test_a_query_that_cannot_be_answered_is_told(
    process: AlertmanagerProcess, query: dict[str, str], where: str
) -> None:
    answer = asked(process, **query)

    assert answer.status_code == 400
    assert where in answer.text


def logged(process: AlertmanagerProcess, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = asked(process, **query).json()["notifications"]
    return found


def asked(process: AlertmanagerProcess, **query: Any) -> httpx.Response:
    return httpx.get(f"{process.url}/api/notifications", params=query, timeout=30)


def test_tests_are_limited_for_each_channel(tmp_path: Path, requests: Requests) -> None:
    given = CONFIG.format(url=requests.url, mail=9)
    with AlertmanagerProcess(tmp_path, given) as process:

        def tried(channel: str) -> httpx.Response:
            url = f"{process.url}/api/notifications/test"
            return httpx.post(url, json={"channel": channel}, timeout=60)

        answers = [tried("team/webhook/0") for _ in range(EACH.burst + 1)]
        other = tried("team/a/webhook/0")
        done = run_command("notify", "test", "team", "--url", process.url)

    assert [answer.status_code for answer in answers] == [200] * EACH.burst + [429]
    refused = answers[-1]
    assert refused.json()["code"] == "alerting.test_limit"
    assert 1 <= int(refused.headers["retry-after"]) <= 12
    assert other.status_code == 200
    assert done.returncode == 1
    assert "Too many tests of channels" in done.stderr
