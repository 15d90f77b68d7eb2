"""Alerts of rules on their way to Alertmanagers: Debian's, and ones that misbehave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from event_system.rules import alertmanagers
from event_system.rules.alertmanagers import Alertmanager, Alertmanagers, Notifier
from event_system.rules.ports import AlertReport
from tests.support.alerting import AlertmanagerProcess, Requests

NOW_US = time.time_ns() // 1000
HOUR_US = 3_600_000_000
CONFIG = "route: {receiver: none}\nreceivers: [{name: none}]\n"
PATIENCE_SECONDS = 60.0


def report(name: str, ends_us: int = NOW_US + HOUR_US, note: str = "") -> AlertReport:
    labels = {"alertname": name, "room": "北厅"}
    url = "http://node/graph?x=1"
    return AlertReport(labels, {"note": note}, NOW_US - HOUR_US, ends_us, url, "0.7")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def short_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alertmanagers, "FIRST_REST", 0.01)
    monkeypatch.setattr(alertmanagers, "LONGEST_REST", 0.05)
    monkeypatch.setattr(alertmanagers, "LAST_SECONDS", 0.5)


@pytest.fixture
def server() -> Iterator[Requests]:
    requests = Requests((200, b""))
    yield requests
    requests.close()


@pytest.fixture
async def notifier(server: Requests) -> AsyncIterator[Notifier]:
    notifier = Notifier(Alertmanager(server.url, authorization="Bearer secret"))
    yield notifier
    await notifier.stop()


def names(server: Requests) -> list[list[str]]:
    """Of each request, the alerts."""
    return [[each["labels"]["alertname"] for each in body] for body in server.bodies()]


@pytest.mark.service("alertmanager")
async def test_a_real_alertmanager_knows_what_fires_and_what_is_over(tmp_path: Path) -> None:
    with AlertmanagerProcess(tmp_path, CONFIG, real=True) as process:
        sink = Alertmanagers([Alertmanager(process.url)])
        sink.start()
        async with httpx.AsyncClient(base_url=process.url, timeout=60) as client:

            async def known() -> list[tuple[str, str, str]]:
                alerts = (await client.get("/api/v2/alerts")).json()
                return [
                    (each["labels"]["alertname"], each["labels"]["room"], each["generatorURL"])
                    for each in alerts
                ]

            async with asyncio.timeout(PATIENCE_SECONDS):
                await sink.send([report("A"), report("B")])
                while len(await known()) < 2:
                    await asyncio.sleep(0.05)
                await sink.send([report("A", ends_us=NOW_US)])
                while len(found := await known()) > 1:
                    await asyncio.sleep(0.05)
        await sink.stop()

    assert found == [("B", "北厅", "http://node/graph?x=1")]


async def test_alerts_go_in_batches_with_who_sends_them(
    server: Requests, notifier: Notifier
) -> None:
    notifier.take([report(str(number)) for number in range(130)])
    notifier.start()

    await until(lambda: notifier.tally.sent == 130)

    assert [len(body) for body in server.bodies("/api/v2/alerts")] == [64, 64, 2]
    assert {headers["authorization"] for headers in server.headers} == {"Bearer secret"}
    assert notifier.queued == 0


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_was_not_taken_is_sent_again(
    server: Requests, notifier: Notifier, status: int
) -> None:
    server.answers = [(status, b"later"), (status, b"later")]
    notifier.start()
    notifier.take([report("A")])

    await until(lambda: notifier.tally.sent == 1)

    assert names(server) == [["A"]] * 3
    assert (notifier.tally.failed, notifier.tally.dropped) == (2, 0)


async def test_what_is_refused_for_good_holds_up_nothing(
    server: Requests, notifier: Notifier
) -> None:
    server.answers = [(400, b"no")]
    notifier.start()
    notifier.take([report("A")])
    await until(lambda: notifier.tally.dropped == 1)

    notifier.take([report("B")])

    await until(lambda: notifier.tally.sent == 1)
    assert names(server) == [["A"], ["B"]]


async def test_after_an_outage_only_the_newest_of_an_alert_is_sent(
    server: Requests, notifier: Notifier
) -> None:
    notifier.take([report("A", note="old"), report("B")])
    notifier.take([report("A", note="new")])
    notifier.start()

    await until(lambda: notifier.tally.sent == 2)

    (body,) = server.bodies()
    assert [(each["labels"]["alertname"], each["annotations"]["note"]) for each in body] == [
        ("B", ""),
        ("A", "new"),
    ]


async def test_too_many_that_wait_are_dropped_the_oldest_first(
    monkeypatch: pytest.MonkeyPatch, server: Requests, notifier: Notifier
) -> None:
    monkeypatch.setattr(alertmanagers, "CAPACITY", 3)
    notifier.take([report(str(number)) for number in range(5)])
    notifier.start()

    await until(lambda: notifier.tally.sent == 3)

    assert names(server) == [["2", "3", "4"]]
    assert notifier.tally.dropped == 2


async def test_one_that_hangs_holds_up_no_other(server: Requests) -> None:
    hanging = Requests((200, b""))
    hanging.hang.clear()
    sink = Alertmanagers([Alertmanager(hanging.url), Alertmanager(server.url)])
    try:
        sink.start()
        for name in ("A", "B"):
            await sink.send([report(name)])
            await until(lambda name=name: names(server)[-1:] == [[name]])  # type: ignore[misc]
        await sink.stop()
    finally:
        hanging.close()

    assert [each.queued for each in sink.notifiers] == [2, 0]


async def test_what_waits_is_sent_at_the_end(
    monkeypatch: pytest.MonkeyPatch, server: Requests
) -> None:
    monkeypatch.setattr(alertmanagers, "LAST_SECONDS", PATIENCE_SECONDS)
    sink = Alertmanagers([Alertmanager(server.url)])
    sink.start()
    await sink.send([report("A")])

    await sink.stop()

    assert names(server)[-1] == ["A"]
    assert sink.notifiers[0].queued == 0
