"""Pages of incidents, brought to people over real channels."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from event_system.alerting.configuration import Configuration
from event_system.incidents.ports import Page, Told
from event_system.kernel.errors import ChannelError
from event_system.kernel.tasks import end
from event_system.node.heartbeat import Heartbeat
from event_system.node.paging import Paging
from tests.support.alerting import Requests, configuration
from tests.support.clock import HandClock
from tests.support.incidents import START
from tests.support.mail import Mailbox, mail_server
from tests.support.waiting import PATIENCE_SECONDS

TOLD = Told(
    incident="INC-20261118-0001",
    title="The error rate is high",
    level="P0",
    service="api",
    state="notified",
    purpose="opened",
    since_us=START,
    alerts=3,
    what="Every tenth request fails",
    what_zh="十分之一的请求失败",
    value="0.1",
    runbook="http://node/runbook",
    links={"acknowledge": "http://node/i/abc", "resolve": "http://node/i/def"},
)


@dataclass
class Contact:
    """Implements `Contact`."""

    contacts: dict[str, str] = field(default_factory=dict)
    language: str = "en"


ANN = Contact({"email": "ann@example.org", "slack": "@ann", "phone": "+8613800138000"})
LI = Contact({"email": "li@example.org"}, "zh")


@pytest.fixture
def requests() -> Iterator[Requests]:
    found = Requests()
    yield found
    found.close()


def configured(requests: Requests, port: int) -> Configuration:
    given = {
        "global": {
            "smtp_smarthost": f"127.0.0.1:{port}",
            "smtp_from": "alerts@example.org",
            "smtp_require_tls": False,
            "slack_api_url": f"{requests.url}/slack",
        },
        "route": {"receiver": "team"},
        "receivers": [
            {"name": "team", "webhook_configs": [{"url": f"{requests.url}/hook"}]},
            {"name": "empty"},
        ],
    }
    return configuration(json.dumps(given))


def paging(found: Configuration) -> Paging:
    people = {"ann": ANN, "li": LI}
    return Paging(lambda: people, lambda: found, HandClock(START), "http://node")


def page(target: str, method: str, *told: Told, number: int = 1) -> Page:
    return Page("page-1", target, method, told or (TOLD,), number)


def text_of(box: Mailbox) -> tuple[str, str]:
    _, _, subject, text = box.texts()[-1]
    return subject, text


async def test_a_page_by_mail_says_what_since_when_which_value_and_where_to_answer(
    requests: Requests,
) -> None:
    with mail_server() as (server, box):
        await paging(configured(requests, server.port)).page(page("person:ann", "email"))
        subject, text = text_of(box)

    assert box.recipients == [["ann@example.org"]]
    for told in ("INC-20261118-0001", "P0", "The error rate is high"):
        assert told in subject
    for told in (
        "New incident. Every tenth request fails. since 2026-11-18T12:00:00.000Z. value 0.1",
        "http://node/runbook",
        "http://node/i/abc",
        "http://node/i/def",
    ):
        assert told in text


async def test_the_pages_of_an_incident_are_one_conversation(requests: Requests) -> None:
    over, other = replace(TOLD, purpose="recovery"), replace(TOLD, incident="INC-20261118-0002")
    with mail_server() as (server, box):
        found = paging(configured(requests, server.port))
        for number, told in enumerate((TOLD, over, other)):
            await found.page(replace(page("person:ann", "email", told), id=f"page-{number}"))

    first, end, elsewhere = (str(message["References"]) for message in box.messages)
    assert first == end != elsewhere
    topics = [message["Subject"].partition("] ")[2] for message in box.messages]
    assert topics[0] == topics[1] != topics[2]


async def test_a_page_speaks_the_language_of_its_person(requests: Requests) -> None:
    with mail_server() as (server, box):
        await paging(configured(requests, server.port)).page(page("person:li", "email"))
        subject, text = text_of(box)

    assert "告警" in subject
    assert "新事故. 十分之一的请求失败. 开始于 2026-11-18T12:00:00.000Z. 当时的值 0.1" in text


async def test_the_end_is_told_with_its_duration_and_without_links(requests: Requests) -> None:
    over = replace(TOLD, purpose="recovery", ended_us=START + 3_723_000_000, links={})
    with mail_server() as (server, box):
        await paging(configured(requests, server.port)).page(page("person:ann", "email", over))
        subject, text = text_of(box)

    assert subject.startswith("[RESOLVED]")
    assert "It is over" in text
    assert "lasted 01:02:03" in text
    assert "/i/" not in text


async def test_many_incidents_are_one_message(requests: Requests) -> None:
    others = [replace(TOLD, incident=f"INC-20261118-000{n}") for n in range(1, 4)]
    with mail_server() as (server, box):
        many = page("person:ann", "email", *others, number=9)
        await paging(configured(requests, server.port)).page(many)
        subject, text = text_of(box)

    assert "9 incidents" in subject
    assert "INC-20261118-0003" in text
    assert "6 further incidents" in text


async def test_a_person_is_reached_by_what_the_configuration_can_do(requests: Requests) -> None:
    found = paging(configured(requests, 1))

    assert set(found.methods("ann")) == {"email", "slack"}
    assert found.methods("nobody") == ()
    await found.page(page("person:ann", "slack"))
    assert requests.bodies("/slack")[0]["channel"] == "@ann"


async def test_a_receiver_is_told_over_all_of_its_channels(requests: Requests) -> None:
    await paging(configured(requests, 1)).page(page("receiver:team", "receiver"))
    (body,) = requests.bodies("/hook")

    assert body["alerts"][0]["labels"]["alertname"] == "INC-20261118-0001"
    assert body["alerts"][0]["annotations"]["description"].startswith("New incident")


@pytest.mark.parametrize(
    ("target", "method"),
    [
        ("person:nobody", "email"),
        ("person:ann", "phone"),
        ("person:ann", "dingtalk"),
        ("receiver:none", "receiver"),
        ("receiver:empty", "receiver"),
    ],
)
async def test_what_cannot_be_brought_is_refused_for_good(
    requests: Requests, target: str, method: str
) -> None:
    with pytest.raises(ChannelError) as raised:
        await paging(configured(requests, 1)).page(page(target, method))

    assert not raised.value.may_pass


async def test_a_mail_server_that_is_away_may_come_back(requests: Requests) -> None:
    with mail_server() as (server, _):
        port = server.port
    with pytest.raises(ChannelError) as raised:
        await paging(configured(requests, port)).page(page("person:ann", "email"))

    assert raised.value.may_pass


async def test_an_outside_service_is_pinged_only_while_alerting_works(requests: Requests) -> None:
    looks = 0

    def is_well() -> bool:
        nonlocal looks
        looks += 1
        return looks > 3

    beat = Heartbeat(f"{requests.url}/ping", 0.01, is_well)
    task = asyncio.create_task(beat.run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not beat.beats:
            assert looks > 3 or not requests.seen
            await asyncio.sleep(0.01)
        requests.answer = (500, b"")
        while not beat.failures:
            await asyncio.sleep(0.01)
    await end(task)

    assert {path for _, path, _ in requests.seen} == {"/ping"}
