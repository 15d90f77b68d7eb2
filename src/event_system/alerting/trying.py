"""The test button: a notification that says it is a test, and what becomes of it stage by stage."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final

from event_system.alerting.alert import Alert, with_fingerprint
from event_system.alerting.channels.place import Place, Placed
from event_system.alerting.configuration import Configuration, Receiver
from event_system.alerting.deliveries import Deliveries
from event_system.alerting.notification import Notification
from event_system.alerting.sending import Integration
from event_system.kernel.errors import (
    EventSystemError,
    ReceiverNotFoundError,
)

NAME: Final = "TestNotification"
WAY_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 30.0
MOST_ADDRESSES: Final = 8
_PART: Final = re.compile(r"(?P<receiver>.+)/(?P<kind>[a-z]+)/(?P<index>[0-9]{1,4})")


@dataclass(frozen=True, slots=True)
class Stage:
    """`address`, `connection` or `answer`: what came of it."""

    name: str
    passed: bool
    detail: str
    took_ms: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one channel."""

    channel: str
    stages: tuple[Stage, ...]

    @property
    def passed(self) -> bool:
        """Whether it was taken; the way there is only looked at."""
        return self.stages[-1].passed


def chosen(configuration: Configuration, wanted: str) -> tuple[Receiver, list[Integration]]:
    """The channels of `RECEIVER` or of `RECEIVER/KIND/INDEX`. Raises `ReceiverNotFoundError`."""
    receivers = configuration.receivers
    if wanted in receivers:
        found = list(receivers[wanted].integrations)
        if not found:
            raise ReceiverNotFoundError(f"the receiver {wanted[:80]!r} has no channels")
        return receivers[wanted], found
    parts = _PART.fullmatch(wanted)
    if parts is None or parts["receiver"] not in receivers:
        known = ", ".join(sorted(receivers))[:300]
        raise ReceiverNotFoundError(f"there is no receiver {wanted[:80]!r}; there are: {known}")
    receiver = receivers[parts["receiver"]]
    name = f"{parts['kind']}[{int(parts['index'])}]"
    for each in receiver.integrations:
        if each.name == name:
            return receiver, [each]
    names = ", ".join(each.name for each in receiver.integrations)
    raise ReceiverNotFoundError(f"{receiver.name[:80]!r} has no {name}; it has: {names}")


def trial_of(receiver: str, channel: str, url: str, now_us: int) -> Notification:
    """A notification that nobody takes for a real one, in English and Chinese."""
    labels = {"alertname": NAME, "severity": "info", "level": "P3", "receiver": receiver}
    annotations = {
        "summary": f"This is a test of {channel} of {receiver!r}. Nothing has happened.",
        "summary_zh": f"这是对接收者 {receiver} 的渠道 {channel} 的测试通知，没有发生任何问题。",
        "description": "Somebody has pressed the test button; no answer is needed.",
        "description_zh": "有人触发了测试，无需处理。",
    }
    alert = Alert(
        labels=labels, annotations=annotations, starts_us=now_us, ends_us=0, updated_us=now_us
    )
    group = {"alertname": NAME}
    return Notification(
        receiver, f'{{}}:{{alertname="{NAME}"}}', group, [with_fingerprint(alert)], url
    )


async def try_out(
    receiver: Receiver,
    integration: Integration,
    url: str,
    now_us: int,
    deliveries: Deliveries | None = None,
) -> Outcome:
    """Send a test over the real channel, outside its queue and its limit."""
    channel, stages = integration.channel, list[Stage]()
    place = channel.place() if isinstance(channel, Placed) else None
    if place is not None:
        stages.append(await _staged("address", WAY_SECONDS, _addresses(place)))
        stages.append(await _staged("connection", WAY_SECONDS, _connection(place)))
    trial = trial_of(receiver.name, integration.name, url, now_us)
    delivery = None if deliveries is None else deliveries.begin(trial, integration.name)
    last = await _staged("answer", ANSWER_SECONDS, _answer(integration, trial))
    if deliveries is not None and delivery is not None:
        status, error = ("sent", "") if last.passed else ("failed", last.detail)
        deliveries.attempted(delivery, last.took_ms * 1000, status=status, error=error)
    return Outcome(integration.name, (*stages, last))


async def _staged(name: str, seconds: float, work: Awaitable[str]) -> Stage:
    clock = asyncio.get_running_loop().time
    began = clock()
    try:
        async with asyncio.timeout(seconds):
            detail, passed = await work, True
    except TimeoutError:
        detail, passed = f"no answer within {seconds:.0f} s", False
    except EventSystemError as error:
        detail, passed = error.detail, False
    except (OSError, ssl.SSLError, UnicodeError) as error:
        detail, passed = str(getattr(error, "strerror", None) or type(error).__name__), False
    return Stage(name, passed, detail, round((clock() - began) * 1000))


async def _addresses(place: Place) -> str:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))[:MOST_ADDRESSES]
    return f"{place.host}:{place.port} is {', '.join(addresses)}"


async def _connection(place: Place) -> str:
    context = None if place.tls is None else place.tls.context()
    _, writer = await asyncio.open_connection(place.host, place.port, ssl=context)
    try:
        secured: Any = writer.get_extra_info("ssl_object")
        if secured is None:
            return "connected, without TLS so far"
        until = (secured.getpeercert() or {}).get("notAfter", "")
        return f"{secured.version()}, {secured.cipher()[0]}" + (
            f", valid to {until}" if until else ""
        )
    finally:
        writer.close()


async def _answer(integration: Integration, trial: Notification) -> str:
    await integration.channel.send(trial)
    return "it was taken"
