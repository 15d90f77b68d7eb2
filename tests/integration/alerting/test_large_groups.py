"""What channels make of many alerts, and what they load, is not made and loaded on the event loop."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from event_system.alerting.alert import Alert
from event_system.alerting.notification import Notification
from event_system.alerting.ports import Channel
from event_system.alerting.rendering import ON_LOOP
from tests.integration.alerting.test_channels import channel
from tests.integration.alerting.test_mail import mail
from tests.integration.alerting.test_telephone import NUMBER, TWILIO
from tests.support.alerting import Requests, alert, notification
from tests.support.mail import mail_server
from tests.support.waiting import PATIENCE_SECONDS

OVER_HTTP: dict[str, dict[str, Any]] = {
    "webhook": {},
    "slack": {"channel": "#alerts"},
    "dingtalk": {},
    "wecom": {},
    "wechat": {"corp_id": "c", "api_secret": "geheim"},
    "sms": {"to": NUMBER, **TWILIO},
}
FIRST_SEND = """
import asyncio, sys, threading
from event_system.alerting.channels.connecting import HttpSettings
from event_system.alerting.channels.http import Http
from event_system.alerting.secret import Secret
from event_system.kernel.errors import ChannelError

def note(event, arguments):
    if event == "import" and threading.current_thread() is threading.main_thread():
        print(arguments[0])

async def first_send():
    sys.addaudithook(note)
    try:
        await Http(HttpSettings()).post(Secret("http://127.0.0.1:1/"), b"{}")
    except ChannelError:
        return

asyncio.run(first_send())
"""


class Walked(list[Alert]):
    """Alerts that know which threads have looked at them one by one."""

    def __init__(self, alerts: Iterable[Alert]) -> None:
        super().__init__(alerts)
        self.by: set[threading.Thread] = set()

    def __iter__(self) -> Iterator[Alert]:
        self.by.add(threading.current_thread())
        return super().__iter__()


@pytest.fixture
def requests() -> Iterator[Requests]:
    found = Requests()
    yield found
    found.close()


def firing(number: int) -> Notification:
    each = [alert(alertname="Down", instance=f"node-{n}") for n in range(number)]
    told = notification(*(msgspec.structs.replace(one, ends_us=0) for one in each))
    return replace(told, alerts=Walked(told.alerts))


def walkers(of: Notification) -> set[threading.Thread]:
    assert isinstance(of.alerts, Walked)
    return of.alerts.by


def over_http(kind: str, url: str) -> Channel:
    where = "url" if kind in {"webhook", "dingtalk", "wecom"} else "api_url"
    return channel(kind, **{where: url}, **OVER_HTTP[kind])


@pytest.mark.parametrize("kind", OVER_HTTP)
async def test_what_is_sent_of_many_alerts_is_made_beside_the_loop(
    requests: Requests, kind: str
) -> None:
    many = firing(ON_LOOP + 1)
    await over_http(kind, requests.url).send(many)

    assert requests.seen
    assert walkers(many)
    assert threading.main_thread() not in walkers(many)


async def test_a_mail_of_many_alerts_is_made_beside_the_loop() -> None:
    many = firing(ON_LOOP + 1)
    with mail_server() as (server, box):
        await mail(server.port).send(many)

    assert len(box.messages) == 1
    assert threading.main_thread() not in walkers(many)


async def test_what_is_sent_of_few_alerts_is_made_at_once(requests: Requests) -> None:
    few = firing(ON_LOOP)
    await over_http("webhook", requests.url).send(few)

    assert walkers(few) == {threading.main_thread()}


async def test_a_webhook_gets_all_of_ten_thousand_alerts(requests: Requests) -> None:
    await over_http("webhook", requests.url).send(firing(10_000))

    [body] = requests.bodies()
    assert [one["labels"]["instance"] for one in body["alerts"]] == [
        f"node-{n}" for n in range(10_000)
    ]


def test_the_first_send_loads_nothing_on_the_loop() -> None:
    run = subprocess.run(
        [sys.executable, "-c", FIRST_SEND],
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    loaded = {name.partition(".")[0] for name in run.stdout.split()}

    assert loaded & {"anyio", "certifi", "h11", "httpcore", "sniffio"} == set()
