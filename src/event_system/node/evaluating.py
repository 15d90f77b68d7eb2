"""The rules of a node as a part of what one node does for all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from event_system.alerting.manager import AlertManager
from event_system.alerting.reports import Reported
from event_system.kernel.errors import EventSystemError, InvalidAlertError
from event_system.kernel.records import Records
from event_system.kernel.tasks import end
from event_system.node.watching import Asked, Watching

REST_SECONDS: Final = 5.0
_log: Final = logging.getLogger(__name__)


class OwnAlerting:
    """Implements `rules.ports.AlertSink`: the node's own alerting. With None alerts are only to be seen."""

    def __init__(self, manager: AlertManager | None) -> None:
        self._manager = manager

    async def send(self, reports: Sequence[Reported]) -> None:
        if self._manager is None:
            return
        try:
            await self._manager.receive(reports)
        except InvalidAlertError as error:  # it would be the next time, too
            _log.error("an alert of a rule is left out: %s", error.detail)


class Evaluating:
    """A part of `Operations`. It begins once the time series are open: that takes a while."""

    name = "rules"

    def __init__(self, watching: Watching, records: Records, manager: AlertManager | None) -> None:
        self._watching = watching
        self._asked: Asked | None = None
        self._records = records
        self._sink = OwnAlerting(manager)
        self._beginning: asyncio.Task[None] | None = None
        self._failed = False

    async def start(self) -> None:
        work = self._begin()
        self._beginning = asyncio.get_running_loop().create_task(work, name="rules")

    async def _begin(self) -> None:
        self._asked = asked = await self._watching.opened()
        while asked is not None:
            try:
                await asked.evaluate(self._records, self._sink)
            except EventSystemError as error:
                self._failed = True
                _log.error("rules cannot be evaluated yet: %s", error.detail)
                await asyncio.sleep(REST_SECONDS)
            else:
                self._failed = False
                return

    async def stop(self) -> None:
        if self._beginning is not None:
            await end(self._beginning)
        if self._asked is not None:
            await self._asked.rest()

    def trouble(self) -> str:
        if self._failed:
            return "rules cannot be evaluated yet: what is stored of them cannot be read"
        return "" if self._asked is None else self._asked.trouble()
