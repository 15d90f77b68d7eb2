"""Collectors: functions that measure something every few seconds and set metrics.

Each has its own clockwork. One that raises, hangs or takes too long is counted and tried again at
its next time; it is never called while a call of it is still under way.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Any, Final, TypeAlias

from event_system.kernel.clock import Clock
from event_system.kernel.errors import MetricError
from event_system.kernel.tasks import end
from event_system.metrics.children import CounterChild, GaugeChild
from event_system.metrics.manager import MetricsManager

INTERVAL_SECONDS: Final = 10.0
SHORTEST_SECONDS: Final = 0.01
CollectorFunc: TypeAlias = Callable[[MetricsManager], Awaitable[Any] | Any]
"""A coroutine function runs on the event loop; any other one in a thread, where it may block."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Collecting:
    """A function, how often it is called, and how long a call may take."""

    name: str
    function: CollectorFunc
    interval_seconds: float = INTERVAL_SECONDS
    deadline_seconds: float | None = None
    """By default the interval."""

    def checked(self) -> Collecting:
        """The same, or `MetricError`."""
        for seconds in (self.interval_seconds, self.deadline):
            if not SHORTEST_SECONDS <= seconds < float("inf"):
                raise MetricError(
                    f"the collector {self.name} cannot have {seconds} s, but {SHORTEST_SECONDS} "
                    "and more",
                    where=self.name,
                )
        return self

    @property
    def deadline(self) -> float:
        return self.interval_seconds if self.deadline_seconds is None else self.deadline_seconds


@dataclass(frozen=True, slots=True)
class _Counts:
    """What is told of one collector."""

    runs: CounterChild
    errors: CounterChild
    late: CounterChild
    skipped: CounterChild
    seconds: GaugeChild


class MetricsCollector:
    """Calls collectors every `interval_seconds`. `start` on the loop, `stop` at the end.

    `add_collector` works before and after the start.
    """

    def __init__(
        self, manager: MetricsManager, clock: Clock, interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._manager = manager
        self._clock = clock
        self._interval = interval_seconds
        self._is_running = False
        self._rounds: list[_Round] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._runs = manager.register_counter(
            "metrics_collector_runs_total", "Calls of collectors.", "collector"
        )
        self._failed = manager.register_counter(
            "metrics_collector_errors_total",
            "Calls of collectors that raised (error), took too long (late), or were left out as "
            "the one before is still under way (skipped).",
            "collector",
            "reason",
        )
        self._seconds = manager.register_gauge(
            "metrics_collector_duration_seconds", "How long the last call took.", "collector"
        )

    def add_collector(
        self,
        function: CollectorFunc,
        *,
        name: str | None = None,
        interval_seconds: float | None = None,
        deadline_seconds: float | None = None,
    ) -> None:
        """Call `function` with the manager from now on. Raises `MetricError`."""
        called = name or str(getattr(function, "__qualname__", type(function).__name__))
        interval = self._interval if interval_seconds is None else interval_seconds
        self.add(Collecting(called, function, interval, deadline_seconds))

    def add(self, collecting: Collecting) -> None:
        collecting.checked()
        round_ = _Round(collecting, self._manager, self._counts(collecting.name), self._clock)
        self._rounds.append(round_)
        if self._is_running:
            self._begin(round_)

    def _counts(self, name: str) -> _Counts:
        failed = partial(self._failed.child, name)
        return _Counts(
            self._runs.child(name),
            failed("error"),
            failed("late"),
            failed("skipped"),
            self._seconds.child(name),
        )

    def start(self) -> None:
        """Call all of them now, and then each at its interval."""
        self._is_running = True
        for round_ in self._rounds:
            self._begin(round_)

    def _begin(self, round_: _Round) -> None:
        task = asyncio.create_task(round_.run(), name=f"collector {round_.name}")
        self._tasks.append(task)

    async def collect_once(self) -> None:
        """Call each once, all at the same time, and wait for that."""
        await asyncio.gather(*(round_.call() for round_ in self._rounds))

    async def stop(self) -> None:
        """A call in a thread is left to itself: it cannot be ended, and holds up nobody."""
        self._is_running = False
        for task in self._tasks:
            await end(task)
        self._tasks.clear()


class _Round:
    """One collector's calls, one after the other."""

    def __init__(
        self, what: Collecting, manager: MetricsManager, counts: _Counts, clock: Clock
    ) -> None:
        self.name = what.name
        self._what = what
        self._manager = manager
        self._counts = counts
        self._monotonic = clock.monotonic
        self._under_way: asyncio.Future[BaseException | None] | None = None
        self._has_told = False

    async def run(self) -> None:
        due = self._monotonic()
        try:
            while True:
                await self.call()
                now = self._monotonic()
                due = max(due + self._what.interval_seconds, now)
                await asyncio.sleep(due - now)
        finally:
            if self._under_way is not None:
                self._under_way.cancel()

    async def call(self) -> None:
        """One call, for so long as it may take. Raises nothing of the function's."""
        if self._under_way is not None and not self._under_way.done():
            self._counts.skipped.add()
            return
        self._counts.runs.add()
        began = self._monotonic()
        call = self._under_way = self._started()
        done, _ = await asyncio.wait([call], timeout=self._what.deadline)
        self._counts.seconds.set(self._monotonic() - began)
        if not done:
            self._counts.late.add()
            self._tell(f"is not done after {self._what.deadline:g} s", None)
            call.cancel()
        elif not call.cancelled() and (error := call.result()) is not None:
            self._counts.errors.add()
            self._tell("failed", error)

    def _started(self) -> asyncio.Future[BaseException | None]:
        function = self._what.function
        if inspect.iscoroutinefunction(function):
            return asyncio.ensure_future(_error_of(function(self._manager)))
        return _in_thread(partial(function, self._manager), self.name)

    def _tell(self, what: str, error: BaseException | None) -> None:
        """Once: the counters say the rest."""
        if not self._has_told:
            self._has_told = True
            _log.warning("the collector %s %s", self.name, what, exc_info=error)


async def _error_of(call: Awaitable[Any]) -> BaseException | None:
    """What a call raised; its cancellation goes on."""
    try:
        await call
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a collector may raise anything
        return error
    return None


def _in_thread(call: Callable[[], Any], name: str) -> asyncio.Future[BaseException | None]:
    """What a call in a thread of its own raised. The end of the process does not wait for it."""
    loop = asyncio.get_running_loop()
    outcome = _Uncancelled(loop=loop)

    def run() -> None:
        error = _raised(call)
        try:
            loop.call_soon_threadsafe(outcome.set_result, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    Thread(target=run, name=f"collector {name}", daemon=True).start()
    return outcome


def _raised(call: Callable[[], Any]) -> BaseException | None:
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - SystemExit is the collector's affair, too
        return error
    if inspect.iscoroutine(result):
        result.close()
        return TypeError("it returned a coroutine: declare it with `async def`")
    return None


class _Uncancelled(asyncio.Future[BaseException | None]):
    """Done when the thread is: what is under way there cannot be cancelled."""

    def cancel(self, msg: Any | None = None) -> bool:
        return False
