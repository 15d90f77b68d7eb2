"""The event core of a node: log, listeners and the manager, without any socket.

Built top to bottom from settings, torn down in reverse. `EventSystem` embeds it in another
program; `compose.py` puts the HTTP servers around it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from event_system.database.state import StateDatabase
from event_system.delivery.dispatcher import Dispatcher, Tools
from event_system.delivery.ports import Failure
from event_system.delivery.subscription import DeliverySettings
from event_system.delivery.sync import SyncRunner
from event_system.delivery.view import DeliveryView
from event_system.delivery.watch import Watch
from event_system.eventlog.sqlite.log import LogSettings, SqliteEventLog
from event_system.events.manager import EventManager, Limits
from event_system.events.ports import Commit
from event_system.events.registry import Registry
from event_system.http.tail import LiveTail
from event_system.kernel.clock import Clock
from event_system.kernel.ids import IdFactory
from event_system.logs.context import bind_trace
from event_system.metrics.instruments import EventMetrics
from event_system.metrics.manager import MetricsManager
from event_system.node.listeners import Found, enabled, with_overrides
from event_system.node.selftest import SELF_TEST
from event_system.node.settings import EventSettings

_log = logging.getLogger(__name__)
SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Machine:
    """What only the outermost layer may touch: time and randomness."""

    clock: Clock
    random_bytes: Callable[[int], bytes]


class Core:
    """One node's events and listeners. `start` before use, `stop` once at the end."""

    def __init__(
        self,
        data_dir: Path,
        settings: EventSettings,
        found: Found,
        overrides: Mapping[str, Mapping[str, Any]],
        machine: Machine,
    ) -> None:
        self.duplicates = 0
        loop = asyncio.get_running_loop()
        clock = machine.clock
        self._declared = [*found.listeners, SELF_TEST]
        listeners = with_overrides(self._declared, overrides)
        self.registry = Registry(enabled(listeners, overrides))
        self.metrics_manager = MetricsManager()
        self.metrics = EventMetrics(self.metrics_manager)
        self.log = SqliteEventLog(
            LogSettings(
                directory=data_dir,
                lanes=settings.lanes,
                dedupe_window_us=int(settings.dedupe_window.total_seconds() * SECOND_US),
            ),
            clock=clock,
            loop=loop,
            on_commit=self._committed,
        )
        self.tail = LiveTail(self.log)
        self.state = StateDatabase(data_dir)
        self.watch = Watch(loop, clock.monotonic)
        self.delivery = DeliverySettings()
        self.dispatcher = Dispatcher(
            self.log,
            self.state,
            Registry(listeners),
            self.delivery,
            Tools(
                watch=self.watch,
                loop=loop,
                now_us=clock.now_us,
                observe=self.metrics.observe,
                full=self.metrics.channel_full,
                bind_trace=bind_trace,
            ),
            lanes=self.log.lanes,
        )
        self.sync = SyncRunner(
            self.watch,
            loop,
            observe=self.metrics.observe,
            record=self._record,
            now_us=clock.now_us,
            bind_trace=bind_trace,
        )
        self.manager = EventManager(
            self.log,
            self.sync,
            registry=self.registry,
            clock=clock,
            ids=IdFactory(machine.random_bytes),
            lanes=self.log.lanes,
            last_received_us=self.log.last_received_us,
        )
        self.deliveries = DeliveryView(
            lambda: self.registry, self.dispatcher, self.sync, self.state, found.broken
        )
        self.apply(settings)

    async def start(self) -> None:
        """Take events from now on; listeners continue where their cursors stand."""
        self.log.start()
        await self.dispatcher.start()
        self.dispatcher.reconfigure(self.registry)  # pauses those that are switched off

    async def stop(self, grace_seconds: float) -> None:
        """Write what was accepted, let listeners finish, save the cursors."""
        self.manager.accepting = False
        self.tail.close()
        await self.log.flush()
        await self.dispatcher.stop(grace_seconds)
        self.sync.close()
        self.watch.close()
        await self.log.stop()
        await self.state.close()

    def apply(self, settings: EventSettings) -> None:
        """Take over what can change while the node runs."""
        self.delivery.async_workers = settings.async_workers
        self.delivery.async_channel_size = settings.async_channel_size
        self.manager.limits = Limits(settings.max_event_size, settings.max_batch_events)
        self.log.dedupe.window_us = int(settings.dedupe_window.total_seconds() * SECOND_US)

    def reconfigure(self, overrides: Mapping[str, Mapping[str, Any]]) -> None:
        """Take over changed settings of listeners. Raises before anything has changed."""
        registry = Registry(enabled(with_overrides(self._declared, overrides), overrides))
        self.registry = self.manager.registry = registry
        self.sync.forget()
        self.dispatcher.reconfigure(registry)

    def mark(self, now: float) -> None:
        """Note all listeners' totals for their rates; once a second."""
        self.sync.count()
        subscriptions: Iterable[Any] = self.dispatcher.subscriptions.values()
        for statistics in [*(s.statistics for s in subscriptions), *self.sync.statistics.values()]:
            statistics.mark(now)

    def _committed(self, commit: Commit, seconds: float) -> None:
        self.dispatcher.route(commit)
        self.tail.publish(commit)
        self.metrics.committed(commit, seconds)
        self.duplicates += commit.duplicates

    def _record(self, failure: Failure) -> None:
        self.dispatcher.record(failure)
