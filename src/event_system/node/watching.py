"""The part of a node that watches it: its time series, queries and rules, once the node listens.

What they need takes longer to load than all else together, and events need not wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from event_system.kernel.clock import Clock
from event_system.kernel.errors import UnavailableError
from event_system.kernel.records import Records
from event_system.metrics.manager import MetricsManager
from event_system.node.loading import load_module
from event_system.node.settings import Settings
from event_system.rules.model import Group


class Filled(Protocol):
    """Time series; see `time_series.TimeSeries`."""

    @property
    def failure(self) -> str | None:
        """Why samples cannot be stored now; None where they can."""

    async def write(self, body: bytes) -> None:
        """Store a request of remote write."""

    async def close(self) -> None:
        """End what fills them."""


class Applying(Protocol):
    """Rules; see `rules.NodeRules`."""

    def apply(self, settings: Settings, own: Sequence[Group]) -> None:
        """Take over changed settings and rules."""


class Told(Protocol):
    """Who is told of alerts; a `rules.ports.AlertSink`, without what that loads."""

    async def send(self, reports: Sequence[Any]) -> None:
        """Take `rules.ports.AlertReport`s, in this order."""


class Asked(Protocol):
    """Queries and rules; see `monitoring.Observing`."""

    @property
    def view(self) -> object:
        """What the API tells."""

    @property
    def rules(self) -> Applying:
        """The rules of the node."""

    async def evaluate(self, records: Records, alerts: Told) -> None:
        """Evaluate the rules from now on. Raises `StorageError`."""

    def trouble(self) -> str:
        """What keeps the rules from their work now; "" where nothing does."""

    async def rest(self) -> None:
        """Evaluate no more; it may begin again."""

    async def close(self) -> None:
        """End them."""


class Watching:
    """Nothing on a node that is to have no time series. `open` once, `close` at the end."""

    def __init__(
        self, settings: Settings, own: Sequence[Group], manager: MetricsManager, clock: Clock
    ) -> None:
        """`own` are the groups of rules of the operator's files."""
        self._settings = settings
        self._own = own
        self._manager = manager
        self._clock = clock
        metrics = settings.metrics
        self._wanted = metrics.enabled and metrics.store.enabled and "ops" in settings.node.roles
        self._series: Filled | None = None
        self._asked: Asked | None = None
        self._opened = asyncio.Event()

    async def open(self) -> None:
        """Load what is needed, in a thread, and begin. Raises what `TimeSeries.open` raises."""
        if not self._wanted:
            self._opened.set()
            return
        await load_module("event_system.node.monitoring")
        from event_system.node.monitoring import Observing
        from event_system.node.time_series import TimeSeries

        series = await TimeSeries.open(self._settings, self._manager, self._clock)
        self._series = series
        observing = Observing(self._settings, self._own, series, self._manager, self._clock)
        series.start()
        observing.start()
        self._asked = observing
        self._opened.set()

    async def opened(self) -> Asked | None:
        """Wait until it is open; None where there is nothing."""
        await self._opened.wait()
        return self._asked

    async def close(self) -> None:
        if self._asked is not None:
            await self._asked.close()
        if self._series is not None:
            await self._series.close()

    @property
    def failure(self) -> str | None:
        """Why samples cannot be stored now; None where they can."""
        return self._series.failure if self._series else None

    def apply(self, settings: Settings, own: Sequence[Group]) -> None:
        """Take over changed settings and rules."""
        if self._asked is not None:
            self._asked.rules.apply(settings, own)

    def view(self) -> object | None:
        """What the API tells; None for nothing. Raises `UnavailableError` before it is open."""
        self._want_open()
        return self._asked.view if self._asked else None

    def remote_write(self) -> Callable[[bytes], Awaitable[None]] | None:
        """What takes requests of remote write, likewise."""
        self._want_open()
        return self._series.write if self._series else None

    def _want_open(self) -> None:
        if self._wanted and self._asked is None:
            raise UnavailableError("the node has just started; its time series are being opened")
