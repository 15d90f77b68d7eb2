"""The process: killed, restarted, reloaded, misconfigured."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from event_system.kernel.clock import SystemClock
from event_system.node.alerting_file import read_alerting
from tests.support.alerting import AlertmanagerProcess, Requests
from tests.support.process import run_command
from tests.support.waiting import wait_until

CONFIG = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
receivers:
- name: team
  webhook_configs: [{{url: '{url}/hook?key=geheim'}}]
"""
ALERT: dict[str, Any] = {"labels": {"alertname": "Down"}, "endsAt": "2999-01-01T00:00:00Z"}
OTHER = {**ALERT, "labels": {"alertname": "Other"}}
SILENCE = {
    "matchers": [{"name": "alertname", "value": "Down", "isRegex": False}],
    "startsAt": "2026-01-01T00:00:00Z",
    "endsAt": "2999-01-01T00:00:00Z",
    "createdBy": "ops",
    "comment": "",
}


@pytest.fixture
def requests() -> Iterator[Requests]:
    found = Requests()
    yield found
    found.close()


def names(requests: Requests) -> list[tuple[str, str]]:
    return [(body["groupLabels"]["alertname"], body["status"]) for body in requests.bodies()]


def resolved(alert: dict[str, Any]) -> dict[str, Any]:
    return {**alert, "startsAt": "2026-11-21T10:00:00Z", "endsAt": "2026-11-21T10:05:00Z"}


def test_a_kill_loses_no_alert_no_silence_and_tells_nothing_twice(
    tmp_path: Path, requests: Requests
) -> None:
    with AlertmanagerProcess(tmp_path, CONFIG.format(url=requests.url)) as process:
        process.post(ALERT)
        wait_until(lambda: names(requests) == [("Down", "firing")])
        wait_until(lambda: _entries(tmp_path) == 1)
        answer = httpx.post(f"{process.url}/api/v2/silences", json=SILENCE, timeout=30)
        process.kill()
        process.start()
        [silence] = process.get("silences")
        assert silence["id"] == answer.json()["silenceID"]
        [alert] = process.get("alerts")
        assert alert["status"]["silencedBy"] == [silence["id"]]
        httpx.delete(f"{process.url}/api/v2/silence/{silence['id']}", timeout=30)
        process.post(OTHER)
        wait_until(lambda: ("Other", "firing") in names(requests))
        process.kill()
        process.start()
        process.post(resolved(ALERT))
        wait_until(lambda: ("Down", "resolved") in names(requests))

        assert names(requests).count(("Down", "firing")) == 1


def _entries(directory: Path) -> int:
    """How many notifications are known to be told."""
    import apsw

    connection = apsw.Connection(str(directory / "data" / "alerting.db"))
    connection.set_busy_timeout(5000)
    try:
        return int(connection.execute("SELECT count(*) FROM records WHERE kind = 'entries'").get)
    finally:
        connection.close()


def test_what_was_accepted_right_before_a_kill_is_told_after_it(
    tmp_path: Path, requests: Requests
) -> None:
    config = CONFIG.format(url=requests.url).replace("group_wait: 0s", "group_wait: 2s")
    with AlertmanagerProcess(tmp_path, config) as process:
        process.post(ALERT)
        process.kill()
        process.start()

        assert wait_until(lambda: ("Down", "firing") in names(requests))


def test_a_receiver_that_is_down_is_told_once_it_is_back(
    tmp_path: Path, requests: Requests
) -> None:
    requests.answers = [(500, b""), (503, b"")]
    with AlertmanagerProcess(tmp_path, CONFIG.format(url=requests.url)) as process:
        process.post(ALERT)

        wait_until(lambda: len(requests.seen) == 3)
        wait_until(lambda: 'failed_total{integration="webhook"} 2' in _metrics(process))
        assert "geheim" not in process.log()


def _metrics(process: AlertmanagerProcess) -> str:
    return httpx.get(f"{process.url}/metrics", timeout=30).text


def test_a_receiver_that_hangs_delays_no_other(tmp_path: Path, requests: Requests) -> None:
    slow = Requests()
    slow.hang.clear()
    config = (
        CONFIG.format(url=requests.url)
        + f"- name: slow\n  webhook_configs: [{{url: '{slow.url}'}}]\n"
    ).replace(
        "receivers:", "  routes: [{receiver: slow, continue: true}, {receiver: team}]\nreceivers:"
    )
    with AlertmanagerProcess(tmp_path, config) as process:
        process.post(ALERT, OTHER)

        wait_until(lambda: len(slow.seen) >= 2 and len(requests.seen) >= 2)
        assert sorted(names(requests)) == [("Down", "firing"), ("Other", "firing")]
    slow.close()


def test_a_bad_configuration_is_refused_and_the_old_one_goes_on(
    tmp_path: Path, requests: Requests
) -> None:
    with AlertmanagerProcess(tmp_path, CONFIG.format(url=requests.url)) as process:
        good = process.config.read_text()
        process.config.write_text(good.replace("receiver: team", "receiver: nobody", 1))
        answer = httpx.post(f"{process.url}/-/reload", timeout=30)
        assert answer.status_code == 500
        assert "there is no receiver 'nobody'" in answer.text
        assert "alertmanager_config_last_reload_successful 0" in _metrics(process)
        process.post(ALERT)
        wait_until(lambda: names(requests) == [("Down", "firing")])

        process.config.write_text(good.replace("team", "crew"))
        assert process.process is not None
        process.process.send_signal(signal.SIGHUP)
        wait_until(lambda: process.get("receivers") == [{"name": "crew"}])
        assert "alertmanager_config_last_reload_successful 1" in _metrics(process)


def test_it_ends_as_it_is_asked_to(tmp_path: Path, requests: Requests) -> None:
    with AlertmanagerProcess(tmp_path, CONFIG.format(url=requests.url)) as process:
        process.stop()

        assert process.process is not None
        assert process.process.returncode == 0


def test_every_fault_of_a_configuration_is_told_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text("route: {receiver: a}\nreceivers: [{name: b, sns_configs: []}]\n")

    done = run_command("alertmanager", f"--config.file={file}", cwd=tmp_path)

    assert done.returncode == 1
    assert "[alerting.configuration]" in done.stderr
    assert "alertmanager.yml:2: receivers[0].sns_configs: receivers of this kind" in done.stderr
    assert "alertmanager.yml:1: route.receiver: there is no receiver 'a'" in done.stderr


def test_two_processes_do_not_share_a_directory(tmp_path: Path, requests: Requests) -> None:
    with AlertmanagerProcess(tmp_path, CONFIG.format(url=requests.url)) as process:
        done = run_command(
            "alertmanager",
            f"--config.file={process.config}",
            f"--storage.path={tmp_path / 'data'}",
            "--web.listen-address=127.0.0.1:0",
        )

    assert done.returncode == 1
    assert "->" in done.stderr


def test_the_shipped_configuration_is_good() -> None:
    file = Path(__file__).parents[3] / "deploy" / "alertmanager" / "alertmanager.yml"

    receivers = read_alerting(file, SystemClock()).receivers

    assert [each.name for each in receivers["web.hook"].integrations] == ["webhook[0]", "email[0]"]
