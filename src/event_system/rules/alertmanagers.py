"""Tells alerts to Alertmanagers over HTTP: each has a bounded queue of its own."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import httpx
import msgspec

from event_system.kernel.clock import rfc3339
from event_system.kernel.tasks import end
from event_system.rules.ports import AlertReport, without_login

BATCH: Final = 64
CAPACITY: Final = 10_000
"""Alerts that wait for one; the figures are Prometheus'."""
FIRST_REST: Final = 0.5
LONGEST_REST: Final = 15.0
LAST_SECONDS: Final = 5.0
_log: Final = logging.getLogger(__name__)
_Key: TypeAlias = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """Where one listens. `authorization` is the value of that header."""

    url: str
    timeout_seconds: float = 10.0
    authorization: str | None = field(default=None, repr=False)
    verify: ssl.SSLContext | bool = True

    @property
    def shown(self) -> str:
        """Without user and password."""
        return without_login(self.url)


@dataclass(slots=True)
class NotifierTally:
    """Alerts since the start. `failed` counts the attempts' alerts, `dropped` those given up."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0


class Notifier:
    """Sends to one Alertmanager, from `start` to `stop`. Loop thread only.

    What is newer of an alert takes the place of what waits, so nothing stale is sent after an
    outage. Where too many wait, the oldest are dropped; so are those that it refuses (4xx but 429).
    """

    def __init__(self, receiver: Alertmanager) -> None:
        self.receiver = receiver
        self.tally = NotifierTally()
        self._waiting: dict[_Key, AlertReport] = {}
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._troubled = False
        headers = {"content-type": "application/json"}
        if receiver.authorization is not None:
            headers["authorization"] = receiver.authorization
        self._client = httpx.AsyncClient(
            headers=headers,
            verify=receiver.verify,
            timeout=receiver.timeout_seconds,
            trust_env=False,
        )

    @property
    def is_troubled(self) -> bool:
        """Whether the last attempt failed."""
        return self._troubled

    @property
    def queued(self) -> int:
        """Alerts that wait."""
        return len(self._waiting)

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="alertmanager")

    async def stop(self) -> None:
        """Send what waits, for some seconds, and end."""
        if self._task is not None:
            await end(self._task)
            try:
                async with asyncio.timeout(LAST_SECONDS):
                    while self._waiting and await self._send_some():
                        pass
            except TimeoutError:
                pass
            if self._waiting:
                _log.warning("%d alerts were not told to %s", self.queued, self.receiver.shown)
        await self._client.aclose()

    def take(self, reports: Sequence[AlertReport]) -> None:
        """Queue alerts."""
        for report in reports:
            key = frozenset(report.labels.items())
            self._waiting.pop(key, None)
            self._waiting[key] = report
        while len(self._waiting) > CAPACITY:
            del self._waiting[next(iter(self._waiting))]
            self.tally.dropped += 1
        self._more.set()

    async def _run(self) -> None:
        rest = FIRST_REST
        while True:
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
            if await self._send_some():
                rest = FIRST_REST
            else:
                await asyncio.sleep(rest)
                rest = min(2 * rest, LONGEST_REST)

    async def _send_some(self) -> bool:
        """Whether the oldest that wait are dealt with; they wait on where not."""
        batch = {key: self._waiting[key] for key in list(self._waiting)[:BATCH]}
        if not batch:
            return True
        why, again = await self._attempt(list(batch.values()))
        if again:
            self.tally.failed += len(batch)
            self._complain(why)
            return False
        for key, report in batch.items():
            if self._waiting.get(key) is report:
                del self._waiting[key]
        if why:
            self.tally.failed += len(batch)
            self.tally.dropped += len(batch)
            self._complain(why)
        else:
            self.tally.sent += len(batch)
            self._troubled = False
        return True

    async def _attempt(self, reports: Sequence[AlertReport]) -> tuple[str, bool]:
        """Why it failed, empty where it did not, and whether another attempt may help."""
        url = f"{self.receiver.url.rstrip('/')}/api/v2/alerts"
        body = msgspec.json.encode([_told(report) for report in reports])
        try:
            response = await self._client.post(url, content=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return str(error) or type(error).__name__, True
        if response.is_success:
            return "", False
        again = response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error
        return f"status {response.status_code}: {response.text[:200]}", again

    def _complain(self, why: str) -> None:
        """Once, until it goes well again."""
        if not self._troubled:
            self._troubled = True
            _log.error("alerts are not told to %s: %s", self.receiver.shown, why)


def _told(report: AlertReport) -> dict[str, Any]:
    return {
        "labels": report.labels,
        "annotations": report.annotations,
        "startsAt": rfc3339(report.starts_us),
        "endsAt": rfc3339(report.ends_us),
        "generatorURL": report.generator_url,
    }


class Alertmanagers:
    """Implements `AlertSink`: all of them are told. `start` before use, `stop` at the end."""

    def __init__(self, receivers: Sequence[Alertmanager]) -> None:
        self.notifiers = [Notifier(receiver) for receiver in receivers]

    def start(self) -> None:
        for notifier in self.notifiers:
            notifier.start()

    def trouble(self) -> str:
        """That some do not take alerts now; "" where all do."""
        number = sum(each.is_troubled for each in self.notifiers)
        return f"{number} of {len(self.notifiers)} Alertmanagers take no alerts" if number else ""

    async def send(self, reports: Sequence[AlertReport]) -> None:
        for notifier in self.notifiers:
            notifier.take(reports)

    async def stop(self) -> None:
        await asyncio.gather(*(notifier.stop() for notifier in self.notifiers))
