"""Metrics of listeners' modules: registered at the start, given to listeners, collected."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable
from functools import partial
from typing import Final

from event_system.events.listener import Listener
from event_system.kernel.clock import Clock
from event_system.metrics.collector import MetricsCollector
from event_system.metrics.declaring import RESERVED, Declared
from event_system.metrics.manager import MetricsManager

METRICS: Final = "metrics"
"""A listener's parameter of this name is the node's `MetricsManager`."""
_log = logging.getLogger(__name__)


def with_metrics(listeners: Iterable[Listener], manager: MetricsManager) -> list[Listener]:
    """The same listeners; those that have the parameter get the manager."""
    return [_given(listener, manager) for listener in listeners]


def _given(listener: Listener, manager: MetricsManager) -> Listener:
    try:
        wanted = METRICS in inspect.signature(listener.handler).parameters
    except (TypeError, ValueError):
        return listener  # written in C
    if not wanted:
        return listener
    return listener.with_settings(handler=partial(listener.handler, **{METRICS: manager}))


class Measuring:
    """What modules declare, at work. `register` once the node's own metrics are registered."""

    def __init__(
        self, manager: MetricsManager, clock: Clock, declared: Declared, broken: dict[str, str]
    ) -> None:
        self.collector = MetricsCollector(manager, clock)
        self._manager = manager
        self._declared = declared
        self._broken = broken

    def register(self) -> None:
        """A function that fails is told, and harms no other."""
        self._manager.reserve(RESERVED)
        self._broken |= register_all(self._manager, self._declared)
        for collecting in self._declared.collectors.values():
            self.collector.add(collecting)

    def start(self) -> None:
        """Collect from now on."""
        self.collector.start()

    async def stop(self) -> None:
        await self.collector.stop()


def register_all(manager: MetricsManager, declared: Declared) -> dict[str, str]:
    """Call what registers metrics. What fails is told, by its name, and harms no other."""
    broken = {}
    for name, registration in declared.registrations.items():
        try:
            registration(manager)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a module may raise anything
            broken[name] = f"{type(error).__name__}: {error}"
            _log.error("metrics could not be registered: %s", name, exc_info=error)
    return broken
