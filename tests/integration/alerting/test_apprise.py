"""The channel of Apprise, to servers on loopback that its own services speak to."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from event_system.alerting.channels import apprise
from event_system.alerting.channels.apprise import AppriseChannel, AppriseSettings
from event_system.alerting.ports import Channel
from event_system.alerting.secret import Secret
from event_system.alerting.sending import Integration
from event_system.alerting.templates.templates import Templates
from event_system.kernel.errors import AlertingConfigurationError, ChannelError
from tests.integration.alerting.test_sending import World
from tests.support.alerting import Requests, alert, configuration, notification
from tests.support.process import run_command
from tests.support.waiting import until

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""What the library imports where Python still has it."""
FIRING = notification(
    msgspec.structs.replace(
        alert(alertname="Down", level="P1"),
        ends_us=0,
        annotations={"summary": "<api> is down", "summary_zh": "<接口> 不可用"},
        update_count=2,
    )
)
ENDED = notification(alert(alertname="Down", ends=1))


def integration(**members: Any) -> Integration:
    text = msgspec.json.encode(
        {
            "route": {"receiver": "r"},
            "receivers": [{"name": "r", "apprise_configs": [members]}],
        }
    ).decode()
    [found] = configuration(text).receivers["r"].integrations
    return found


def channel(**members: Any) -> Channel:
    return integration(**members).channel


@pytest.fixture
def requests() -> Iterator[Requests]:
    found = Requests((200, b""))
    yield found
    found.close()


def place(requests: Requests, scheme: str = "json") -> str:
    return f"{scheme}://me:geheim@127.0.0.1:{requests.port}/geheim"


class Records(logging.Handler):
    """What comes to the root of all logs, as a node's own handler would see it at `debug`."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record)


@pytest.fixture
def node_log() -> Iterator[Records]:
    root, found = logging.getLogger(), Records()
    level = root.level
    root.addHandler(found)
    root.setLevel(logging.DEBUG)
    yield found
    root.setLevel(level)
    root.removeHandler(found)


async def refused(tried: Channel) -> ChannelError:
    with pytest.raises(ChannelError) as raised:
        await tried.send(FIRING)
    assert "geheim" not in raised.value.detail
    assert "127.0.0.1" not in raised.value.detail
    return raised.value


async def test_a_service_is_told_in_the_channels_language(requests: Requests) -> None:
    await channel(url=place(requests)).send(FIRING)
    await channel(url=place(requests), language="zh").send(FIRING)
    await channel(url=place(requests), title="{{ .Status }}", message="over").send(ENDED)

    english, chinese, ended = requests.bodies("/geheim")
    assert english["type"] == "failure"
    assert english["title"] == "[FIRING:1] Down (P1)"
    assert "firing: Down (P1) <api> is down  (updates: 2)" in english["message"]
    assert chinese["title"] == "[告警:1] Down (P1)"
    assert "告警：Down（P1） <接口> 不可用 （期间更新 2 次）" in chinese["message"].replace(
        "  ", " "
    )
    assert (ended["type"], ended["title"], ended["message"]) == ("success", "resolved", "over")


async def test_text_becomes_what_the_service_speaks(requests: Requests) -> None:
    await channel(url=place(requests, "xml")).send(FIRING)

    [body] = requests.raw
    assert b"<Message>" in body
    assert b"&lt;api&gt; is down" in body


async def test_a_text_is_cut_where_the_service_takes_no_more(requests: Requests) -> None:
    await channel(url=place(requests), title="t", message="x" * 50_000).send(FIRING)
    await channel(url=f"{place(requests)}?overflow=split", message="x" * 50_000).send(FIRING)

    cut, *split = [len(body["message"]) for body in requests.bodies("/geheim")]
    assert 30_000 < cut < 33_000
    assert sum(split) == 50_000


@pytest.mark.parametrize(
    ("status", "may_pass"), [(503, True), (429, True), (401, False), (404, False)]
)
async def test_an_answer_says_whether_another_attempt_may_help(
    requests: Requests, status: int, may_pass: bool, node_log: Records
) -> None:
    requests.answer = (status, b"geheim")
    error = await refused(channel(url=place(requests)))

    assert error.may_pass is may_pass
    assert error.detail == f"json:// answered {status}"
    told = [each.name for each in node_log.seen if each.name.startswith(("apprise", "urllib3"))]
    assert told == []
    assert not any("geheim" in each.getMessage() for each in node_log.seen)


async def test_a_service_that_is_away_may_come_back(requests: Requests) -> None:
    requests.close()

    error = await refused(channel(url=place(requests)))

    assert error.may_pass
    assert error.detail.startswith("json:// cannot be reached")


async def test_a_service_that_hangs_is_tried_anew_and_holds_up_nobody(requests: Requests) -> None:
    """The library waits 4 s for an answer, or as long as its URL says."""
    requests.hang.clear()
    world, other = World(), Requests()
    told = asyncio.create_task(
        world.sender.send(integration(url=f"{place(requests)}?rto=0.1"), FIRING, 3_600.0)
    )
    try:
        await until(lambda: bool(world.time.waits))
        assert await world.sender.send(integration(url=place(other)), FIRING, 60.0)
    finally:
        other.close()
    assert not told.done()
    requests.hang.set()

    assert await told
    assert len(other.seen) == 1
    assert len(requests.seen) >= 2
    assert {each.status for each in world.deliveries()} == {"sent"}


async def test_sends_that_hang_are_so_many_and_no_more(
    requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apprise, "MOST_THREADS", 1)
    tried = AppriseChannel(
        AppriseSettings(Secret(f"{place(requests)}?rto=60"), "t", "m"), Templates()
    )
    requests.hang.clear()
    hangs = asyncio.create_task(tried.send(FIRING))
    await until(lambda: len(requests.seen) == 1)
    hangs.cancel()  # as the sender does at the end of its patience

    error = await refused(tried)

    assert error.may_pass
    assert error.detail == "json://: sends without an answer go on"
    requests.hang.set()

    async def takes() -> bool:
        with suppress(ChannelError):  # until the thread has ended
            await tried.send(FIRING)
            return True
        return False

    await until(takes)
    assert len(requests.seen) == 2


def test_what_is_no_url_of_a_service_is_a_fault_that_does_not_tell_it() -> None:
    for url in ("nothing://geheim", "geheim", "json://"):
        with pytest.raises(AlertingConfigurationError, match=r"url: no service") as raised:
            integration(url=url)
        assert "geheim" not in raised.value.detail


def test_a_url_may_stand_in_a_file_and_is_shown_nowhere(tmp_path: Path, requests: Requests) -> None:
    (tmp_path / "hook").write_text(f"{place(requests)}\n")
    config = tmp_path / "alertmanager.yml"
    config.write_text(
        "route: {receiver: team}\nreceivers:\n- name: team\n  apprise_configs:\n"
        f"  - {{url_file: hook, rate_limit: 5/min}}\n  - {{url: '{place(requests)}'}}\n"
    )

    done = run_command("notify", "test", "team/apprise/0", "--config", str(config))

    assert done.returncode == 0, done.stderr
    assert "team apprise[0]: taken" in done.stdout
    assert "geheim" not in done.stdout + done.stderr
    [body] = requests.bodies("/geheim")
    assert "TestNotification" in body["title"]


def test_a_channel_has_a_limit_where_it_is_asked_for(requests: Requests) -> None:
    assert str(integration(url=place(requests), rate_limit="5/min").limit) == "5/min"
    assert integration(url=place(requests)).limit is None


_WITHOUT = """
import sys
sys.modules["apprise"] = None
from tests.support.alerting import configuration
try:
    configuration('''
route: {receiver: r}
receivers: [{name: r, apprise_configs: [{url: "json://geheim"}]}]
''')
except Exception as error:
    print(error)
"""
_LOADED = """
import sys
from tests.support.alerting import configuration
configuration("{route: {receiver: r}, receivers: [{name: r}]}")
print("apprise" in sys.modules)
"""


@pytest.mark.parametrize(
    ("script", "told"),
    [(_WITHOUT, "pip install 'event-system[apprise]'"), (_LOADED, "False")],
)
def test_the_library_is_needed_only_where_it_is_asked_for(script: str, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert told in done.stdout
    assert "geheim" not in done.stdout
