"""A dispatcher over a log in memory and a real state database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from event_system.database.board import MappedBoard
from event_system.database.sql.state import ServerState
from event_system.database.sqlite.state import StateDatabase
from event_system.delivery.board import Board
from event_system.delivery.control import Control
from event_system.delivery.dead_letters import DeadLetters
from event_system.delivery.dispatcher import Dispatcher, Tools
from event_system.delivery.pauses import Pauses
from event_system.delivery.ports import Counts
from event_system.delivery.removed import Removed
from event_system.delivery.replays.replays import Replays
from event_system.delivery.search import DeliverySearch
from event_system.delivery.statistics import Observed
from event_system.delivery.surroundings import DeliverySettings
from event_system.delivery.sync import SyncRunner
from event_system.delivery.view import Away, DeliveryView
from event_system.delivery.watch import Watch
from event_system.events.listener import Listener
from event_system.events.ports import Appended
from event_system.events.registry import Registry
from tests.support.memory_history import MemoryHistory
from tests.support.memory_log import MemoryLog
from tests.support.rows import LANES, row

GRACE_SECONDS = 1.0


class Bench:
    """Everything that delivery needs, and a way to feed it. Restart by making a new one.

    Its wall clock is `ahead_us` before the machine's. The time of calls stands still, so that
    none is over its timeout on a machine that is; `passes` lets it pass.
    """

    def __init__(
        self,
        directory: Path,
        log: MemoryLog,
        listeners: Iterable[Listener],
        store: StateDatabase | ServerState | None = None,
        board: Board | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.log = log
        self.history = MemoryHistory(log)
        self.settings = DeliverySettings()
        self.store = store or StateDatabase(directory)
        self.observed: list[Observed] = []
        self.full = 0
        self.dice = 1.0
        self.ahead_us = 0
        self.registry = Registry(listeners)
        self._passed = 0.0
        self.watch = Watch(loop, lambda: self._passed)
        tools = Tools(
            watch=self.watch,
            loop=loop,
            call_later=loop.call_later,
            now_us=lambda: time.time_ns() // 1000 + self.ahead_us,
            observe=self.observed.append,
            full=self._count_full,
            bind_trace=lambda traceparent: None,
            board=board or MappedBoard(directory),
            random=lambda: self.dice,
        )
        self.dispatcher = Dispatcher(
            log, self.store, self.registry, self.settings, tools, lanes=LANES
        )
        self.sync = SyncRunner(
            self.watch,
            loop,
            observe=self.observed.append,
            record=self.dispatcher.record,
            now_us=tools.now_us,
            bind_trace=tools.bind_trace,
        )
        self.pauses = Pauses(self.store.pauses, loop.call_later, tools.now_us, self.dispatcher.hold)
        retries = self.dispatcher.retries
        self.dead_letters = DeadLetters(self.dispatcher.failure_places, retries.wake, tools.now_us)
        self.removed = Removed(self.store, self.store.known, lambda: self.dispatcher.routed, LANES)
        self.control = Control(lambda: self.registry, self.dispatcher, self.pauses, self.removed)
        history = MemoryHistory(log)
        self.replays = Replays(self.dispatcher, self.store, history, self.control, tools.now_us)
        self.view = DeliveryView(
            lambda: self.registry,
            self.dispatcher,
            self.sync,
            DeliverySearch(lambda: self.registry, self.dispatcher, self.history, time.monotonic),
            broken={},
            away=Away(self.pauses, self.removed),
        )

    def passes(self, seconds: float) -> None:
        """Let the calls that are under way have taken so much longer."""
        self._passed += seconds

    def counts(self, listener: str) -> Counts:
        """How many failures a listener has."""
        return self.dispatcher.failure_counts().get(listener, Counts())

    def _count_full(self) -> None:
        self.full += 1

    async def __aenter__(self) -> Bench:
        await self.pauses.start()
        everything = self.dispatcher.everything
        await self.dispatcher.start(everything, left=everything)
        self.dispatcher.reconfigure(self.registry)
        await self.removed.start(self.registry.by_name, self.dispatcher.subscriptions)
        self.log.on_commit = self.dispatcher.route
        return self

    async def __aexit__(self, *_: object) -> None:
        self.log.on_commit = lambda commit: None
        self.pauses.close()
        await self.dispatcher.stop(GRACE_SECONDS)
        self.watch.close()
        await self.store.close()

    async def crash(self) -> None:
        """End without saving or finishing anything, as far as one process can."""
        self.log.on_commit = lambda commit: None
        self.pauses.close()
        for subscription in self.dispatcher.subscriptions.values():
            subscription.pause()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)
        await self.store.close()


def feed(log: MemoryLog, count: int, *, subjects: int = 5, **members: Any) -> None:
    """Append events `e<offset>` for subjects in turn."""
    for number in range(log.head + 1, log.head + 1 + count):
        fresh = row(f"e{number}", subject=f"s{number % subjects}", **members)
        log.submit([fresh], _ignore)


def _ignore(appended: Appended) -> None:
    assert not isinstance(appended, Exception)
