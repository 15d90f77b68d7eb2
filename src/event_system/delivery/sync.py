"""Sync listeners: run inline by priority, isolated, timed, able to stop the propagation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from event_system.delivery.calls import Call, HandlerThreads, describe, prepare, trace
from event_system.delivery.ports import Failure
from event_system.delivery.statistics import Observed, Observer, Statistics
from event_system.delivery.watch import Slot, Watch
from event_system.events.conditions import Condition
from event_system.events.event import Event
from event_system.events.listener import Stop
from event_system.events.ports import ListenerResult
from event_system.events.registry import Registered

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Prepared:
    name: str
    call: Call
    timeout: float
    condition: Condition | None


class SyncRunner:
    """Runs the sync listeners of an event in their order.

    A listener's error or timeout is its result and stops nobody; it is recorded as a failed
    delivery, as the event itself is safe in the log.
    """

    def __init__(
        self,
        watch: Watch,
        loop: asyncio.AbstractEventLoop,
        *,
        observe: Observer,
        record: Callable[[Failure], None],
        now_us: Callable[[], int],
        bind_trace: Callable[[str | None], None],
    ) -> None:
        self._watch = watch
        self._loop = loop
        self._observe = observe
        self._record = record
        self._now_us = now_us
        self._bind_trace = bind_trace
        self._prepared: dict[int, tuple[Sequence[Registered], list[_Prepared]]] = {}
        self._threads: dict[str, tuple[Call, HandlerThreads | None]] = {}
        self.statistics: dict[str, Statistics] = {}

    def forget(self) -> None:
        """Prepare anew on the next event: the listeners' settings have changed."""
        self._prepared.clear()

    def close(self) -> None:
        for _, threads in self._threads.values():
            if threads is not None:
                threads.close()

    async def run(self, event: Event, listeners: Sequence[Registered]) -> list[ListenerResult]:
        prepared = self._prepared.get(id(listeners))
        chain = prepared[1] if prepared is not None else self._prepare(listeners)
        results: list[ListenerResult] = []
        self._bind_trace(event.traceparent)
        monotonic = self._watch.monotonic
        started = monotonic()
        with self._watch.slot() as slot:
            for each in chain:
                if each.condition is not None and not each.condition(event):
                    continue
                slot.deadline = started + each.timeout
                try:
                    value = await each.call(event)
                    failed: BaseException | None = None
                    if slot.expired:  # it swallowed the cancellation; overrun all the same
                        failed = _overrun(slot, each)
                except asyncio.CancelledError:
                    if not slot.expired:
                        raise
                    failed = _overrun(slot, each)
                except Exception as error:  # noqa: BLE001 - isolation is the point
                    failed = error
                finished = monotonic()
                ms = (finished - started) * 1000
                started = finished
                if failed is not None:
                    results.append(self._failed(event, each, failed, ms))
                elif type(value) is Stop:
                    results.append(ListenerResult(each.name, ms, value.result, None, True))
                    break
                else:
                    results.append(ListenerResult(each.name, ms, value))
        self._count(results)
        return results

    def _prepare(self, listeners: Sequence[Registered]) -> list[_Prepared]:
        chain = []
        for entry in listeners:
            listener = entry.listener
            call, _ = self._threads.setdefault(listener.name, prepare(listener, self._loop))
            self.statistics.setdefault(listener.name, Statistics())
            chain.append(_Prepared(listener.name, call, listener.timeout, entry.condition))
        self._prepared[id(listeners)] = (listeners, chain)
        return chain

    def _failed(
        self, event: Event, each: _Prepared, error: BaseException, ms: float
    ) -> ListenerResult:
        text = describe(error)
        statistics = self.statistics[each.name]
        statistics.last_error = text
        context = {"listener": each.name, "eventId": event.id, "offset": event.offset}
        _log.error("a sync listener failed: %s", text, extra={"context": context})
        self._record(
            Failure(each.name, event.offset, "failed", text, trace(error), self._now_us())
        )
        return ListenerResult(each.name, ms, error=text)

    def _count(self, results: Sequence[ListenerResult]) -> None:
        for result in results:
            errors = result.error is not None
            self.statistics[result.listener].count(1, errors)
            self._observe(Observed(result.listener, [result.ms / 1000], [], int(errors)))


def _overrun(slot: Slot, each: _Prepared) -> TimeoutError:
    slot.take_expiry()
    return TimeoutError(f"took longer than its timeout of {each.timeout:g} s")
