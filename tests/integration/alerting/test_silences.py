"""`event-system silences` against a process, and what amtool's API shows of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.alerting import AlertmanagerProcess
from tests.support.process import run_command

CONFIG = """
route: {receiver: team}
receivers:
- name: team
"""
ALWAYS = ("--cron", "0 * * * *", "--duration", "2h", "--zone", "Asia/Shanghai")
ABOUT_IT = b'"created_by": "ops", "comment": ""'
ABOUT = ("--comment", "rollout", "--author", "ops")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[AlertmanagerProcess]:
    with AlertmanagerProcess(tmp_path, CONFIG) as process:
        yield process


def command(process: AlertmanagerProcess, *arguments: str) -> str:
    done = run_command("silences", *arguments, "--url", process.url)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def listed(process: AlertmanagerProcess) -> Any:
    return json.loads(command(process, "list", "--json"))


def test_one_is_made_listed_and_ended(process: AlertmanagerProcess) -> None:
    id_ = command(process, "add", 'alertname="Down"', "host=~a|b", "-d", "30m", *ABOUT)
    [silence] = process.get("silences")
    assert (silence["id"], silence["createdBy"], silence["comment"]) == (id_, "ops", "rollout")
    assert 'host=~"a|b"' in command(process, "list")
    command(process, "expire", id_)

    assert listed(process)["silences"] == []
    assert "expired" in command(process, "list", "--all")


def test_one_that_comes_again_is_an_ordinary_one_while_it_holds(
    process: AlertmanagerProcess,
) -> None:
    id_ = command(process, "add", 'alertname="Down"', *ALWAYS, *ABOUT)
    [recurring] = listed(process)["recurring"]
    assert (recurring["id"], recurring["state"], recurring["duration_seconds"]) == (
        id_,
        "active",
        7200,
    )
    active = [each for each in process.get("silences") if each["status"]["state"] == "active"]
    assert recurring["silence"] in [each["id"] for each in active]
    assert {each["comment"] for each in active} == {"rollout"}
    process.kill()
    process.start()
    assert [each["id"] for each in listed(process)["recurring"]] == [id_]
    command(process, "expire", id_)

    assert listed(process)["recurring"] == []


@pytest.mark.service("amtool")
def test_amtool_sees_what_comes_again(process: AlertmanagerProcess) -> None:
    command(process, "add", 'alertname="Down"', *ALWAYS, *ABOUT)
    told = subprocess.run(
        ["amtool", f"--alertmanager.url={process.url}", "silence", "query", "alertname=Down"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout

    assert "rollout" in told


def test_what_is_exported_can_be_imported(process: AlertmanagerProcess, tmp_path: Path) -> None:
    command(process, "add", 'alertname="Once"', *ABOUT)
    command(process, "add", 'alertname="Again"', "--cron", "0 2 * * 0", "-d", "2h", *ABOUT)
    file = tmp_path / "silences.json"
    file.write_text(command(process, "export"))
    before = listed(process)
    command(process, "expire", *(each["id"] for kind in before.values() for each in kind))
    assert "2 silences are made" in command(process, "import", str(file))
    after = listed(process)

    assert [each["matchers"] for each in after["silences"]] == [
        each["matchers"] for each in before["silences"]
    ]
    assert [each["cron"] for each in after["recurring"]] == ["0 2 * * 0"]


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        (b"{", "event.malformed", None),
        (b'{"matchers": ["a=b"]}', "event.malformed", None),
        (
            b'{"matchers": [], "cron": "* * * * *", "duration_seconds": 60, %s}' % ABOUT_IT,
            "silence.invalid",
            "matchers",
        ),
        (
            b'{"matchers": ["a=b"], "cron": "often", "duration_seconds": 60, %s}' % ABOUT_IT,
            "silence.invalid",
            "cron",
        ),
    ],
)
def test_what_cannot_hold_is_refused(
    process: AlertmanagerProcess, body: bytes, code: str, where: str | None
) -> None:
    answer = httpx.post(f"{process.url}/api/silences/recurring", content=body, timeout=30)

    assert answer.status_code == 400
    assert answer.json().get("where") == where
    assert answer.json()["code"] == code


def test_one_that_is_not_there_is_not_found(process: AlertmanagerProcess) -> None:
    for method in ("GET", "DELETE"):
        answer = httpx.request(method, f"{process.url}/api/silences/recurring/none", timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (404, "silence.not_found")
