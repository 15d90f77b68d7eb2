"""Sending with a clock that the waits move, to servers on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from event_system.alerting.deliveries import Deliveries, Delivery, Wanted
from event_system.alerting.notification import Notification
from event_system.alerting.sending import Integration, Sender
from tests.support.alerting import (
    NOW,
    Requests,
    alert,
    configuration,
    notification,
)
from tests.support.mail import mail_server
from tests.support.waiting import until

HOUR = 3_600.0


class Time:
    """A clock that moves by what is waited for."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.seconds

    def now_us(self) -> int:
        return NOW + round(self.seconds * 1_000_000)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


class World:
    def __init__(self) -> None:
        self.time = Time()
        self.log = Deliveries(None, self.time.now_us)
        self.sender = Sender(self.time.monotonic, lambda n: b"\0" * n, self.log, self.time.sleep)

    def deliveries(self) -> list[Delivery]:
        """The oldest first."""
        return list(self.log.find(Wanted()))[::-1]


def integration(kind: str, **members: Any) -> Integration:
    text = json.dumps(
        {
            "route": {"receiver": "team"},
            "receivers": [{"name": "team", f"{kind}_configs": [members]}],
        }
    )
    found: Integration = configuration(text).receivers["team"].integrations[0]
    return found


def firing(name: str) -> Notification:
    found = msgspec.structs.replace(alert(alertname=name), ends_us=0)
    return replace(notification(found), group_key=f"{{}}:{name}")


@pytest.fixture
def requests() -> Iterator[Requests]:
    found = Requests()
    yield found
    found.close()


@pytest.fixture
def world() -> World:
    return World()


async def test_what_a_limit_holds_back_goes_as_one(requests: Requests, world: World) -> None:
    tried = integration("webhook", url=requests.url, rate_limit="2/min")
    names = list("abcdef")
    sent = await asyncio.gather(*(world.sender.send(tried, firing(name), 10.0) for name in names))

    assert all(sent)
    told = [[each["labels"]["alertname"] for each in body["alerts"]] for body in requests.bodies()]
    assert told == [["a"], ["b"], ["c", "d", "e", "f"]]
    assert requests.bodies()[-1]["notifications"] == 4
    assert world.time.waits == [60.0]
    found = world.deliveries()
    assert [each.status for each in found] == [*["sent"] * 3, *["bundled"] * 3]
    assert [each.count for each in found] == [1, 1, 4, 1, 1, 1]
    assert {each.bundle for each in found[3:]} == {found[2].id}


async def test_robots_have_the_limit_of_their_vendors(requests: Requests, world: World) -> None:
    tried = integration("dingtalk", url=requests.url)
    await asyncio.gather(
        *(world.sender.send(tried, firing(f"n{number}"), 10.0) for number in range(30))
    )

    assert len(requests.seen) == 21
    assert requests.bodies()[-1]["markdown"]["title"].startswith("(10 in one) [FIRING:10]")


async def test_a_receiver_that_was_down_for_an_hour_is_told(
    requests: Requests, world: World
) -> None:
    requests.answer = (503, b"")
    tried = integration("webhook", url=requests.url)
    whole = world.time.sleep

    async def sleep(seconds: float) -> None:
        await whole(seconds)
        if world.time.seconds > HOUR:
            requests.answer = (200, b"")

    world.sender = Sender(world.time.monotonic, lambda n: b"\0" * n, world.log, sleep)
    assert await world.sender.send(tried, firing("a"), 2 * HOUR)

    [found] = world.deliveries()
    assert found.status == "sent"
    assert found.attempt_count == len(requests.seen) == len(world.time.waits) + 1
    assert found.attempts[0].error.endswith("answered 503")
    assert max(world.time.waits) == 30.0  # half of the longest pause: this chance is at its least


async def test_a_receiver_that_stays_down_is_given_up_at_the_end_of_patience(
    requests: Requests, world: World
) -> None:
    requests.answer = (503, b"")
    tried = integration("webhook", url=requests.url)

    assert not await world.sender.send(tried, firing("a"), 300.0)

    assert world.time.seconds <= 300.0
    [found] = world.deliveries()
    assert found.status == "expired"
    assert found.error.endswith("answered 503")
    assert tried.last_error == found.error


async def test_a_receiver_says_how_long_to_wait(requests: Requests, world: World) -> None:
    requests.answers = [(429, b"")]
    requests.answer = (200, b"")
    requests.answer_headers = {"retry-after": "17"}
    tried = integration("webhook", url=requests.url)

    assert await world.sender.send(tried, firing("a"), 60.0)

    assert world.time.waits == [17.0]


async def test_a_vendor_that_is_asked_too_often_is_left_alone(
    requests: Requests, world: World
) -> None:
    requests.answers = [(200, b'{"errcode":130101,"errmsg":"send too fast"}')]
    tried = integration("dingtalk", url=requests.url)

    assert await world.sender.send(tried, firing("a"), 300.0)

    assert world.time.waits == [60.0]


async def test_what_comes_while_a_receiver_is_down_goes_along(
    requests: Requests, world: World
) -> None:
    requests.answers = [(503, b"")]
    requests.answer = (200, b"")
    tried = integration("webhook", url=requests.url, rate_limit="10/min")
    requests.hang.clear()
    first = asyncio.create_task(world.sender.send(tried, firing("a"), 60.0))
    await until(lambda: requests.seen)
    second = asyncio.create_task(world.sender.send(tried, firing("b"), 60.0))
    await asyncio.sleep(0)
    requests.hang.set()

    assert all(await asyncio.gather(first, second))
    told = [[each["labels"]["alertname"] for each in body["alerts"]] for body in requests.bodies()]
    assert told == [["a"], ["a", "b"]]


async def test_one_that_hangs_is_given_up_and_holds_up_nobody(
    requests: Requests, world: World
) -> None:
    requests.hang.clear()
    tried = integration("webhook", url=requests.url, rate_limit="100/s")
    other = Requests()
    try:
        hangs, goes = await asyncio.gather(
            world.sender.send(tried, firing("a"), 0.2),
            world.sender.send(integration("webhook", url=other.url), firing("b"), 60.0),
        )
    finally:
        other.close()

    assert (hangs, goes) == (False, True)
    statuses = {each.group_key: each.status for each in world.deliveries()}
    assert statuses == {"{}:a": "expired", "{}:b": "sent"}
    requests.hang.set()
    assert await world.sender.send(tried, firing("c"), 60.0)


async def test_a_refused_recipient_is_told_in_the_log_and_not_tried_again(world: World) -> None:
    with mail_server(refused={"gone@example.org"}) as (server, box):
        members = {
            "to": "team@example.org, gone@example.org",
            "from": "alerts@example.org",
            "smarthost": f"127.0.0.1:{server.port}",
            "require_tls": False,
        }
        assert await world.sender.send(integration("email", **members), firing("a"), 60.0)

    assert box.recipients == [["team@example.org"]]
    [found] = world.deliveries()
    assert (found.status, found.attempt_count) == ("sent", 1)
    assert found.note == "gone@example.org: refused with 550"


async def test_only_who_was_put_off_is_told_again(requests: Requests, world: World) -> None:
    requests.answers = [(201, b"{}"), (429, b'{"code":20429}')]
    requests.answer = (201, b"{}")
    numbers = ["+8613800138000", "+4915112345678"]
    members = {
        "provider": "twilio",
        "account_sid": "AC1",
        "auth_token": "geheim",
        "from": "+15005550006",
        "to": numbers,
        "api_url": requests.url,
    }
    assert await world.sender.send(integration("sms", **members), firing("a"), 60.0)

    told = [form["To"] for _, _, form in requests.seen]
    assert sorted(told[:2]) == sorted(numbers)
    assert len(told) == 3
    [found] = world.deliveries()
    assert [bool(each.error) for each in found.attempts] == [True, False]
    assert "13800138000" not in msgspec.json.encode(found).decode()


async def test_one_that_is_ended_leaves_the_line(requests: Requests, world: World) -> None:
    requests.hang.clear()
    tried = integration("webhook", url=requests.url, rate_limit="10/min")
    sending = asyncio.create_task(world.sender.send(tried, firing("a"), 60.0))
    await until(lambda: requests.seen)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    requests.hang.set()

    assert await world.sender.send(tried, firing("b"), 60.0)
    assert [each.status for each in world.deliveries()] == ["failed", "sent"]


async def test_a_channel_counts_as_failing_while_it_is_tried_again(requests: Requests) -> None:
    world, seen = World(), []
    requests.answers = [(503, b"")] * 25
    channel = integration("webhook", url=f"{requests.url}/hook")

    async def sleep(seconds: float) -> None:
        seen.append((world.time.seconds, world.sender.failing(300)))
        await world.time.sleep(seconds)

    world.sender = Sender(world.time.monotonic, lambda n: b"\0" * n, None, sleep)
    assert await world.sender.send(channel, notification(alert()), HOUR)

    assert [bool(failing) for _, failing in seen] == [after >= 300 for after, _ in seen]
    assert seen[-1][1] == {"team/webhook[0]"}
    assert world.sender.failing(0) == set()
