"""Sync listeners: run inline by priority, isolated, timed, able to stop the propagation.

The loop over the listeners is the hot part: it shows on the board whose turn it is, and notes
how long each call took and what it returned. Everything else is done from these notes: results
when somebody reads them, counts and histograms for many dispatches at once.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import current_task
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from event_system.delivery.board import InlinePlaces
from event_system.delivery.calls import Call, HandlerThreads, describe, prepare
from event_system.delivery.ports import Failure
from event_system.delivery.statistics import Observed, Observer, Statistics
from event_system.delivery.verdicts import Policy, fault_of, judge
from event_system.delivery.watch import Watch
from event_system.events.conditions import Condition
from event_system.events.event import Event
from event_system.events.listener import Stop
from event_system.events.ports import ListenerResult
from event_system.events.registry import Registered
from event_system.events.retry import Retry

MAX_UNCOUNTED = 64
MAX_CHAINS = 10_000
NEVER: Final = -1
ONCE: Final = Retry(attempts=1)
_SKIPPED: Final = object()
_log = logging.getLogger(__name__)


class OverrunError(TimeoutError):
    """A call was cancelled because it took too long."""


class _Chain:
    """The sync listeners of a route, ready to be called.

    `steps` has their calls and what stands for them on the board. Dispatches in which `size`
    listeners were called and none failed are counted together: until then `smooth` has their
    `seconds`.
    """

    def __init__(
        self, listeners: Sequence[Registered], calls: Sequence[Call], places: InlinePlaces
    ) -> None:
        self.source = listeners  # kept alive: chains are found by its identity
        self.names = [entry.listener.name for entry in listeners]
        self.timeouts = [entry.listener.timeout for entry in listeners]
        conditions = [entry.condition for entry in listeners]
        signs = [places.signs.get(name, 0) for name in self.names]
        self.steps = list(zip(map(_filtered, calls, conditions), signs, strict=True))
        self.size = len(listeners) if all(each is None for each in conditions) else NEVER
        self.smooth: list[list[float]] = []


def _filtered(call: Call, condition: Condition | None) -> Call:
    if condition is None:
        return call

    async def skip_or_call(event: Event) -> Any:
        return await call(event) if condition(event) else _SKIPPED

    return skip_or_call


class Dispatch(msgspec.Struct, eq=False, gc=False):
    """One event on its way through its sync listeners, and what came of it.

    `values[i]` is what the i-th listener returned, `seconds[i]` how long that took. The first one
    was called when it `began` (monotonic), each other at the end of the one before.
    """

    chain: _Chain
    task: asyncio.Task[Any] | None
    began: float
    seconds: list[float]
    values: list[Any]
    failed: dict[int, BaseException] | None = None

    def check(self, now: float) -> None:
        """Cancel the current call, once, if it is over its timeout."""
        at = len(self.values)
        if at < len(self.chain.timeouts) and at not in (self.failed or ()):
            timeout = self.chain.timeouts[at]
            if self.began + sum(self.seconds) + timeout < now:
                self.fail(OverrunError(f"took longer than its timeout of {timeout:g} s"))
                if self.task is not None:
                    self.task.cancel()

    def survives(self, error: asyncio.CancelledError) -> bool:
        """Whether only the current call was cancelled: by `check`, or by the handler itself."""
        if len(self.values) in (self.failed or ()):
            return True
        if self.task is None or self.task.cancelling():
            return False
        self.fail(error)
        return True

    def fail(self, error: BaseException) -> None:
        """The current call has failed; the first reason counts."""
        if self.failed is None:
            self.failed = {}
        self.failed.setdefault(len(self.values), error)

    def results(self) -> list[ListenerResult]:
        """The outcome of each listener that ran, in order."""
        return [self._result(at) for at, v in enumerate(self.values) if v is not _SKIPPED]

    def _result(self, at: int) -> ListenerResult:
        name, ms, value = self.chain.names[at], self.seconds[at] * 1000, self.values[at]
        if (error := (self.failed or {}).get(at)) is not None:
            return ListenerResult(name, ms, error=describe(error))
        if type(value) is Stop:
            return ListenerResult(name, ms, value.result, stopped=True)
        return ListenerResult(name, ms, value)


class _Hand:
    """Holds one dispatch after the other: watched all the time, at a place on the board."""

    __slots__ = ("dispatch", "place")

    def __init__(self, place: int) -> None:
        self.place = place
        self.dispatch: Dispatch | None = None

    def check(self, now: float) -> None:
        if self.dispatch is not None:
            self.dispatch.check(now)


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
        self._watched = watch.running
        self._loop = loop
        self._observe = observe
        self._record = record
        self._now_us = now_us
        self._bind_trace = bind_trace
        self._chains: dict[int, _Chain] = {}
        self._prepared: dict[str, tuple[Call, HandlerThreads | None]] = {}
        self._places = InlinePlaces([0, 0], {}, [], 0)
        self._idle: list[_Hand] = []

    def take_places(self, places: InlinePlaces) -> None:
        """Show on the board from now on which events are in whose hands."""
        self._places, self._idle = places, []
        self.forget()

    def forget(self) -> None:
        """Prepare anew on the next event: the listeners' settings have changed."""
        self.count()
        for chain in self._chains.values():
            chain.size = NEVER
        self._chains.clear()

    def close(self) -> None:
        for _, threads in self._prepared.values():
            if threads is not None:
                threads.close()

    async def run(self, event: Event, listeners: Sequence[Registered]) -> Dispatch:
        """Call each listener; never raises for a listener's fault."""
        chain = self._chains.get(id(listeners)) or self._prepare(listeners)
        monotonic, cells, idle = self._monotonic, self._places.cells, self._idle
        hand = idle.pop() if idle else self._new_hand()
        place = hand.place
        cells[place + 1] = event.offset
        seconds, values = [], []  # type: ignore[var-annotated]
        self._bind_trace(event.traceparent)
        task = current_task(self._loop)
        began = started = monotonic()
        dispatch = hand.dispatch = Dispatch(chain, task, began, seconds, values)
        try:
            for call, sign in chain.steps:
                cells[place] = sign
                try:
                    value = await call(event)
                except asyncio.CancelledError as error:
                    if not dispatch.survives(error):
                        raise
                    value = None
                except (Exception, SystemExit) as error:  # noqa: BLE001 - isolation is the point
                    dispatch.fail(error)
                    value = None
                ended = monotonic()
                seconds.append(ended - started)
                started = ended
                values.append(value)
                if type(value) is Stop:
                    break
        finally:
            cells[place] = 0
            hand.dispatch = None
            idle.append(hand)
        if dispatch.failed is None and len(seconds) == chain.size:
            chain.smooth.append(seconds)
            if len(chain.smooth) >= MAX_UNCOUNTED:
                self._count(chain)
        else:
            self._settle(event, dispatch, dispatch.failed or {})
        return dispatch

    def _new_hand(self) -> _Hand:
        places = self._places
        hand = _Hand(places.open.pop() if places.open else places.spare)
        self._watched.add(hand)
        return hand

    def _prepare(self, listeners: Sequence[Registered]) -> _Chain:
        calls = []
        for entry in listeners:
            name = entry.listener.name
            if name not in self._prepared:
                self._prepared[name] = prepare(entry.listener, self._loop)
                self.statistics[name] = Statistics()
            calls.append(self._prepared[name][0])
        if len(self._chains) >= MAX_CHAINS:
            self.forget()
        chain = self._chains[id(listeners)] = _Chain(listeners, calls, self._places)
        return chain

    def _settle(self, event: Event, dispatch: Dispatch, failed: dict[int, BaseException]) -> None:
        """Count one in which a listener failed, was left out, or stopped the others."""
        for at, value in enumerate(dispatch.values):
            if value is not _SKIPPED:
                self._add(dispatch.chain.names[at], [dispatch.seconds[at]], at in failed)
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
        for chain in self._chains.values():
            if chain.smooth:
                self._count(chain)

    def _count(self, chain: _Chain) -> None:
        columns, chain.smooth = zip(*chain.smooth, strict=True), []
        for name, seconds in zip(chain.names, columns, strict=True):
            self._add(name, seconds, 0)

    def _add(self, name: str, durations: Sequence[float], errors: int) -> None:
        self.statistics[name].count(len(durations), errors)
        self._observe(Observed(name, durations, [], errors))
