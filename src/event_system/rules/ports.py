"""What rules need of others: who answers queries, where results go, who is told of alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias, TypeVar
from urllib.parse import urlsplit

import msgspec

from event_system.promql.engine import Answer
from event_system.promql.ports import Labels

T = TypeVar("T")

Ask: TypeAlias = Callable[[str, int], Answer]
"""A query's answer at a moment (ms); raises `PromqlError`."""


class Sample(NamedTuple):
    """One value of one series; `promql.ports.STALE` ends the series."""

    labels: Labels
    time_ms: int
    value: float


class SampleSink(Protocol):
    """Takes samples. Called in worker threads, one call at a time for a group."""

    def append(self, samples: Sequence[Sample]) -> None:
        """Store them; a query that begins afterwards sees them. Raises `StorageError`."""


class Questions(Protocol):
    """Who answers the queries of rules: the node's own engine, or a Prometheus."""

    def ask(self, query: str, moment_ms: int) -> Answer:
        """The answer, in a worker thread. Raises `PromqlError`."""

    async def run(self, work: Callable[[], T]) -> T:
        """Work that asks, in a thread that may wait for answers."""

    def close(self) -> None:
        """Ask no more; what is under way ends by itself. Idempotent."""


def without_login(url: str) -> str:
    """An address as it may be shown: without user, password and query."""
    parts = urlsplit(url)
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
    return shown.rstrip("/")


class AlertReport(msgspec.Struct, frozen=True, gc=False):
    """What is told of an alert that fires, or is over. Moments are microseconds since 1970.

    `ends_us` is when it was over, or until when it counts as firing unless it is told of again.
    `value` is that of its row by now, as `{{ $value }}` writes it; Alertmanagers are not told it.
    Labels and annotations that are told again are the same objects, and nobody changes them.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_us: int
    ends_us: int
    generator_url: str
    value: str


class AlertSink(Protocol):
    """Who is told of alerts."""

    async def send(self, reports: Sequence[AlertReport]) -> None:
        """Take them, in this order; the same may come again, as often as it likes.

        It returns once they are taken over, not once somebody was notified. Raises
        `EventSystemError` where they are not; they come again with the next evaluation.
        """


class OpenSink(AlertSink, Protocol):
    """One that has to be started, and stopped at the end."""

    def start(self) -> None:
        """Tell from now on."""

    def trouble(self) -> str:
        """Why alerts cannot be told now; "" where they can."""

    async def stop(self) -> None:
        """Tell what waits, for some seconds, and end."""
