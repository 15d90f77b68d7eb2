"""Sending samples on: a bounded queue, and attempts until the receiver has taken them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx
import numpy as np

from event_system.kernel.errors import ConfigurationError
from event_system.kernel.tasks import end
from event_system.promql.ports import Labels
from event_system.timeseries.collection.fetching import USER_AGENT, authorization, verified
from event_system.timeseries.collection.jobs import Login
from event_system.timeseries.collection.views import SendingTally
from event_system.timeseries.columns import Times, Values
from event_system.timeseries.remote.wire import Written, encoded

FIRST_WAIT: Final = 0.05
LONGEST_WAIT: Final = 30.0
LAST_SECONDS: Final = 5.0
MOST_ANSWER: Final = 65_536
"""Bytes that are read of an answer."""
_HEADERS: Final = {
    "accept-encoding": "identity",
    "content-encoding": "snappy",
    "content-type": "application/x-protobuf",
    "x-prometheus-remote-write-version": "0.1.0",
    "user-agent": USER_AGENT,
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where samples are sent, how many are kept for it, and how many go at once."""

    url: str
    login: Login = field(default_factory=Login)
    timeout_seconds: float = 30.0
    queue_samples: int = 500_000
    send_samples: int = 2000


class RemoteWriter:
    """Sends to one receiver, in order, from `start` to `stop`.

    Where the queue is full the oldest samples are dropped and counted; so are those that the
    receiver refuses for good (4xx but 429).
    """

    def __init__(self, receiver: Receiver, took: Callable[[float], None]) -> None:
        """`took` is told the seconds of each request that has come to an end.

        Raises `ScrapeError` where its `ca_file` is not to be had.
        """
        self._took = took
        self.receiver = receiver
        self.tally = SendingTally()
        self._queue: deque[Written] = deque()
        self._queued = 0
        self._lock = threading.Lock()
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._troubled = False
        self._place = place_of(receiver.url)
        self._thread = ThreadPoolExecutor(1, "remote write to")
        self._client = httpx.AsyncClient(
            headers=_HEADERS,
            verify=verified(receiver.login),
            timeout=receiver.timeout_seconds,
            trust_env=False,
        )

    @property
    def queued(self) -> int:
        """Samples that wait."""
        return self._queued

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name=f"remote write {self._place}")

    async def stop(self) -> None:
        """Send what waits, for some seconds, and end."""
        if self._task is not None:
            try:
                async with asyncio.timeout(LAST_SECONDS):
                    self._idle.clear()
                    self._more.set()
                    await self._idle.wait()
            except TimeoutError:
                _log.warning("%d samples were not sent to %s", self._queued, self._place)
            await end(self._task)
        await self._client.aclose()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def take(self, labels: Sequence[Labels], times: Times, values: Values) -> None:
        """Queue samples; from any thread."""
        size = self.receiver.send_samples
        with self._lock:
            for at in range(0, len(labels), size):
                part = slice(at, at + size)
                self._queue.append(Written(list(labels[part]), times[part], values[part]))
            self._queued += len(labels)
            newest = int(times.max(initial=0))
            self.tally.newest_taken_ms = max(self.tally.newest_taken_ms, newest)
            while self._queued > self.receiver.queue_samples and self._queue:
                self._drop(len(self._queue.popleft().labels))
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._more.set)

    def _drop(self, samples: int) -> None:
        self._queued -= samples
        self.tally.dropped += samples

    def _next(self) -> Written | None:
        """As many of the oldest samples as go at once; they wait no longer."""
        with self._lock:
            parts, count = [], 0
            while self._queue and count + len(self._queue[0].labels) <= self.receiver.send_samples:
                parts.append(self._queue.popleft())
                count += len(parts[-1].labels)
        if not parts:
            return None
        labels = [each for part in parts for each in part.labels]
        times = np.concatenate([part.times for part in parts])
        return Written(labels, times, np.concatenate([part.values for part in parts]))

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while (part := self._next()) is not None:
                await self._try(part)
            self._idle.set()

    async def _try(self, part: Written) -> None:
        """Send, or drop what nobody thought of: the samples after it may be better."""
        try:
            await self._send(part)
        except Exception as error:  # noqa: BLE001 - or nothing would be sent any more
            self._tell(f"{type(error).__name__}: {str(error)[:200]}", again=False)
            self._settle(part, taken=False)
            await asyncio.sleep(FIRST_WAIT)

    async def _send(self, part: Written) -> None:
        """Until the receiver has taken it, or refuses it for good."""
        loop, count = asyncio.get_running_loop(), len(part.labels)
        began = loop.time()
        body = await loop.run_in_executor(
            self._thread, encoded, part.labels, part.times, part.values
        )
        wait, taken = FIRST_WAIT, None
        while taken is None:
            self.tally.tried += count
            try:
                taken, reason = await self._ask(body)
            except (httpx.HTTPError, TimeoutError) as error:
                reason = f"{type(error).__name__}: {error}"
            if taken is not True:
                self._tell(reason, again=taken is None)
            if taken is None:
                self.tally.retried += count
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
        self.tally.packed_bytes += len(body)
        self._settle(part, taken=taken)
        self._took(loop.time() - began)

    async def _ask(self, body: bytes) -> tuple[bool | None, str]:
        """What the receiver says to a request: see `_taken`, and in words."""
        try:
            headers = await authorization(self.receiver.login, self._thread)
        except ConfigurationError as error:
            return None, error.detail
        async with (
            asyncio.timeout(self.receiver.timeout_seconds),
            self._client.stream(
                "POST", self.receiver.url, content=body, headers=headers
            ) as response,
        ):
            return _taken(response), f"HTTP status {response.status_code}: {await _said(response)}"

    def _tell(self, reason: str, *, again: bool) -> None:
        if not self._troubled:
            outcome = "they wait" if again else "they are dropped"
            _log.warning("%s takes no samples, %s: %s", self._place, outcome, reason)
        self._troubled = True

    def _settle(self, part: Written, *, taken: bool) -> None:
        count, tally = len(part.labels), self.tally
        with self._lock:
            self._queued -= count
        if taken:
            tally.sent += count
            tally.newest_sent_ms = max(tally.newest_sent_ms, int(part.times.max()))
            self._troubled = False
        else:
            tally.failed += count


def _taken(response: httpx.Response) -> bool | None:
    """Whether the receiver has taken a request; None where it is to be asked again."""
    if response.is_success:
        return True
    return None if response.status_code == 429 or response.status_code >= 500 else False


async def _said(response: httpx.Response) -> str:
    """How the answer begins. A short one is read whole: the connection can be used again."""
    body = b""
    async for part in response.aiter_raw():
        body += part
        if len(body) > MOST_ANSWER:
            break
    return body[:200].decode(errors="replace")


def place_of(url: str) -> str:
    """The address without its query, which may hold a token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
