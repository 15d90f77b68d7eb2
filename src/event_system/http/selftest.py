"""The self-test: one `system.test` event, followed through every stage of its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from event_system.events.codec import Draft
from event_system.events.event import Event, Row, event_of
from event_system.events.ports import Appended, Delivery, ListenerResult
from event_system.http.app import Services
from event_system.http.views import SelfTestReport, StageReport, TestedListener
from event_system.kernel.errors import EventSystemError

TYPE: Final = "system.test"
WAIT_SECONDS: Final = 5.0
FAILED: Final = ("retrying", "dead")
STAGES: Final = ("accepted", "logged", "handled", "recorded")


class _StageError(Exception):
    """A stage failed."""

    def __init__(self, text: str, listeners: list[TestedListener] | None = None) -> None:
        super().__init__(text)
        self.listeners = listeners


class SelfTest:
    """One run. The first stage that fails ends it."""

    def __init__(self, services: Services, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._services = services
        self._wait_seconds = wait_seconds
        self._stages: list[StageReport] = []
        self._since = services.clock.monotonic()

    async def run(self, sender: str) -> SelfTestReport:
        """The report; a failing stage is in it, never raised."""
        id_ = None
        try:
            row = self._services.manager.admit(Draft(type=TYPE), sender)
            id_ = row[7]
            self._over()
            offset = await self._store(row)
            self._over(offset=offset)
            event = event_of(offset, row)
            await self._handle(row, event)
            await self._look_up(event)
        except EventSystemError as error:
            self._over(f"{error.code}: {error.detail}")
        except _StageError as fault:
            self._over(str(fault), listeners=fault.listeners)
        ok = len(self._stages) == len(STAGES) and all(stage.ok for stage in self._stages)
        return SelfTestReport(ok=ok, id=id_, stages=self._stages)

    def _over(self, error: str | None = None, **found: Any) -> None:
        """Note that the next stage is over, well or with an error."""
        now = self._services.clock.monotonic()
        ms = round((now - self._since) * 1000, 3)
        self._since = now
        name = STAGES[len(self._stages)]
        self._stages.append(StageReport(name, error is None, ms, error=error, **found))

    async def _store(self, row: Row) -> int:
        stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._services.manager.store((row,), _settle(stored))
        return await stored

    async def _handle(self, row: Row, event: Event) -> None:
        deliveries = self._services.deliveries
        results = await self._services.manager.run_sync(row, event.offset)
        settled = await deliveries.settled(event, self._wait_seconds)
        listeners = _tested(await deliveries.of(event), results)
        if not settled:
            raise _StageError(f"not over after {self._wait_seconds:g} seconds", listeners)
        if failed := [each.listener for each in listeners if each.state in FAILED]:
            raise _StageError(f"failed: {', '.join(failed)}", listeners)
        self._over(listeners=listeners)

    async def _look_up(self, event: Event) -> None:
        found = await self._services.history.get(event.id, event.source)
        if found is None or found.offset != event.offset:
            raise _StageError("the history does not find the event")
        self._over()


def _settle(stored: asyncio.Future[int]) -> Callable[[Appended], None]:
    def settle(appended: Appended) -> None:
        if stored.done():
            return
        if isinstance(appended, Exception):
            stored.set_exception(appended)
        else:
            stored.set_result(appended[0])

    return settle


def _tested(
    deliveries: list[Delivery], results: tuple[ListenerResult, ...]
) -> list[TestedListener]:
    ms = {result.listener: round(result.ms, 3) for result in results}
    return [
        TestedListener(each.listener, each.mode, each.state, ms.get(each.listener), each.error)
        for each in deliveries
    ]
