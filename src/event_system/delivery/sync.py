"""Sync listeners: run inline by priority, isolated, timed, able to stop the propagation.

The loop over the listeners is the hot part: it notes when each call ended and what it
returned. Everything else is done from these notes: results when somebody reads them, counts
and histograms for many dispatches at once.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import current_task
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from operator import sub
from typing import Any, Final

import msgspec

from event_system.delivery.calls import Call, HandlerThreads, describe, prepare
from event_system.delivery.ports import Cells, Failure
from event_system.delivery.statistics import Observed, Observer, Statistics
from event_system.delivery.verdicts import Policy, fault_of, judge
from event_system.delivery.watch import Watch
from event_system.events.conditions import Condition
from event_system.events.event import Event
from event_system.events.listener import Stop
from event_system.events.ports import ListenerResult
from event_system.events.registry import Registered
from event_system.events.retry import Retry

MAX_UNCOUNTED = 256
ONCE: Final = Retry(attempts=1)
_SKIPPED: Final = object()
_log = logging.getLogger(__name__)


class OverrunError(TimeoutError):
    """A call was cancelled because it took too long."""


class _Chain:
    """The sync listeners of a route, ready to be called."""

    def __init__(
        self, listeners: Sequence[Registered], calls: Sequence[Call], places: Mapping[str, int]
    ) -> None:
        self.source = listeners  # kept alive: chains are found by its identity
        self.names = [entry.listener.name for entry in listeners]
        self.timeouts = [entry.listener.timeout for entry in listeners]
        self.places = [places.get(name, 0) for name in self.names]
        self.calls = [_filtered(c, e.condition) for c, e in zip(calls, listeners, strict=True)]
        filtered = any(entry.condition is not None for entry in listeners)
        self.size = -1 if filtered else len(listeners) + 1


def _filtered(call: Call, condition: Condition | None) -> Call:
    if condition is None:
        return call

    async def skip_or_call(event: Event) -> Any:
        return await call(event) if condition(event) else _SKIPPED

    return skip_or_call


class Dispatch(msgspec.Struct, eq=False, gc=False):
    """One event on its way through its sync listeners, and what came of it.

    `values[i]` is what the i-th listener returned, `ends[i + 1]` when it had (monotonic).
    """

    chain: _Chain
    task: asyncio.Task[Any] | None
    ends: list[float]
    values: list[Any]
    failed: dict[int, BaseException] | None = None

    def check(self, now: float) -> None:
        """Cancel the current call, once, if it is over its timeout."""
        at = len(self.values)
        if at < len(self.chain.timeouts) and at not in (self.failed or ()):
            timeout = self.chain.timeouts[at]
            if self.ends[-1] + timeout < now:
                self.fail(OverrunError(f"took longer than its timeout of {timeout:g} s"))
                if self.task is not None:
                    self.task.cancel()

    def fail(self, error: BaseException) -> None:
        """The current call has failed; the first reason counts."""
        if self.failed is None:
            self.failed = {}
        self.failed.setdefault(len(self.values), error)

    def results(self) -> list[ListenerResult]:
        """The outcome of each listener that ran, in order."""
        return [self._result(at) for at, v in enumerate(self.values) if v is not _SKIPPED]

    def seconds(self, at: int) -> float:
        return self.ends[at + 1] - self.ends[at]

    def _result(self, at: int) -> ListenerResult:
        name, ms, value = self.chain.names[at], self.seconds(at) * 1000, self.values[at]
        if (error := (self.failed or {}).get(at)) is not None:
            return ListenerResult(name, ms, error=describe(error))
        if type(value) is Stop:
            return ListenerResult(name, ms, value.result, stopped=True)
        return ListenerResult(name, ms, value)


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
        self.statistics: dict[str, Statistics] = {}
        self._monotonic = watch.monotonic
        self._enter = watch.running.add
        self._leave = watch.running.discard
        self._loop = loop
        self._observe = observe
        self._record = record
        self._now_us = now_us
        self._bind_trace = bind_trace
        self._chains: dict[int, _Chain] = {}
        self._prepared: dict[str, tuple[Call, HandlerThreads | None]] = {}
        self._uncounted: list[Dispatch] = []
        self._cells: Cells = [0]
        self._places: Mapping[str, int] = {}

    def take_places(self, cells: Cells, places: Mapping[str, int]) -> None:
        """Show the event that each listener has in hand on the board from now on."""
        self._cells, self._places = cells, places
        self.forget()

    def forget(self) -> None:
        """Prepare anew on the next event: the listeners' settings have changed."""
        self._chains.clear()

    def close(self) -> None:
        for _, threads in self._prepared.values():
            if threads is not None:
                threads.close()

    async def run(self, event: Event, listeners: Sequence[Registered]) -> Dispatch:
        """Call each listener; never raises for a listener's fault."""
        chain = self._chains.get(id(listeners)) or self._prepare(listeners)
        monotonic, cells, offset = self._monotonic, self._cells, event.offset
        ends, values = [monotonic()], []  # type: ignore[var-annotated]
        dispatch = Dispatch(chain, current_task(), ends, values)
        self._bind_trace(event.traceparent)
        self._enter(dispatch)
        try:
            for call, place in zip(chain.calls, chain.places, strict=True):
                cells[place] = offset
                try:
                    value = await call(event)
                except asyncio.CancelledError as error:
                    if len(values) not in (dispatch.failed or ()):
                        if dispatch.task is None or dispatch.task.cancelling():
                            cells[place] = 0
                            raise
                        dispatch.fail(error)  # the handler's own doing
                    value = None
                except (Exception, SystemExit) as error:  # noqa: BLE001 - isolation is the point
                    dispatch.fail(error)
                    value = None
                if cells[place] == offset:  # else another event came in between
                    cells[place] = 0
                ends.append(monotonic())
                values.append(value)
                if type(value) is Stop:
                    break
        finally:
            self._leave(dispatch)
        if dispatch.failed is not None:
            self._report(event, dispatch, dispatch.failed)
        self._uncounted.append(dispatch)
        if len(self._uncounted) >= MAX_UNCOUNTED:
            self.count()
        return dispatch

    def _prepare(self, listeners: Sequence[Registered]) -> _Chain:
        calls = []
        for entry in listeners:
            name = entry.listener.name
            if name not in self._prepared:
                self._prepared[name] = prepare(entry.listener, self._loop)
                self.statistics[name] = Statistics()
            calls.append(self._prepared[name][0])
        chain = self._chains[id(listeners)] = _Chain(listeners, calls, self._places)
        return chain

    def _report(self, event: Event, dispatch: Dispatch, failed: dict[int, BaseException]) -> None:
        for at, error in failed.items():
            if isinstance(error, OverrunError) and dispatch.task is not None:
                dispatch.task.uncancel()
            self._record(self._dead(event, dispatch.chain.names[at], error))

    def _dead(self, event: Event, name: str, error: BaseException) -> Failure:
        """A failure at once final: the sender has been told."""
        fault = fault_of(error, self._now_us())
        statistics = self.statistics[name]
        statistics.last_error = fault.error
        statistics.dead += 1
        context = {"listener": name, "eventId": event.id, "offset": event.offset}
        _log.error("a sync listener failed: %s", fault.error, extra={"context": context})
        return judge(event, fault, 1, Policy(name, ONCE, "park", 0.0))

    def count(self) -> None:
        """Add finished dispatches to the statistics; called now and then."""
        finished, self._uncounted = self._uncounted, []
        for chain in {id(dispatch.chain): dispatch.chain for dispatch in finished}.values():
            mine = [dispatch for dispatch in finished if dispatch.chain is chain]
            smooth = [d.ends for d in mine if not d.failed and len(d.ends) == chain.size]
            moments = list(zip(*smooth, strict=True))
            for name, (starts, ends) in zip(chain.names, pairwise(moments), strict=False):
                self._add(name, list(map(sub, ends, starts)), 0)
            for dispatch in mine:
                if dispatch.failed or len(dispatch.ends) != chain.size:
                    self._count_rough(dispatch)

    def _count_rough(self, dispatch: Dispatch) -> None:
        """One in which a listener failed, was left out, or stopped the others."""
        for at, value in enumerate(dispatch.values):
            if value is not _SKIPPED:
                self._add(
                    dispatch.chain.names[at], [dispatch.seconds(at)], at in (dispatch.failed or ())
                )

    def _add(self, name: str, durations: list[float], errors: int) -> None:
        self.statistics[name].count(len(durations), errors)
        self._observe(Observed(name, durations, [], errors))
