"""A verification from its beginning to its end: what is read in which order, and mended when.

Others may be at work meanwhile. What points into the log is read before the log's end, which only
grows; what seems to point to nothing is asked for once more. So what is under way is no finding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from event_system.consistency import state as compare
from event_system.consistency.kinds import FAILURE_EVENT, Finding
from event_system.consistency.ports import (
    Bounds,
    CountKey,
    Failed,
    LogStore,
    Moved,
    Part,
    StateStore,
)
from event_system.consistency.report import Tally
from event_system.consistency.rows import RowCheck


class Span(msgspec.Struct, frozen=True):
    """Which events of the log to walk over: those from `first` on, or the `newest`, or all.

    What points into the log, and what waits, is always looked at whole.
    """

    first: int | None = None
    newest: int | None = None

    def after(self, head: int) -> int:
        """The offset above which the walk begins."""
        if self.first is not None:
            return max(0, self.first - 1)
        return 0 if self.newest is None else max(0, head - self.newest)


class Verification:
    """One look at a log and the state beside it; with `repairing` what can be mended is."""

    def __init__(
        self,
        log: LogStore,
        state: StateStore,
        *,
        repairing: bool,
        now_us: Callable[[], int],
        moved: Moved,
    ) -> None:
        self.tally = Tally()
        self.events = self.first = self.last = 0
        self._log = log
        self._state = state
        self._repairing = repairing
        self._now_us = now_us
        self._moved = moved
        self._waiting: set[int] = set()
        """Keys of the ids of what waits: the log is walked for events that have been delivered."""

    def run(self, span: Span) -> None:
        """Raises what the stores raise where they cannot be read."""
        self._settle(self._state, self._state.faults())
        self._settle(self._log, self._log.faults())
        self._look_at_state()
        self._look_at_what_waits()
        self._walk(span)
        if self._repairing:
            self._log.finish(self._moved)

    # What points into the log

    def _look_at_state(self) -> None:
        state = self._state
        found, known = state.positions(), state.listeners()
        replays, schedules = list(state.replays()), list(self._log.schedules())
        bounds = self._log.bounds(max((position.offset for position in found), default=0))
        self._settle(state, compare.positions(found, known, bounds))
        self._settle(state, compare.replays(replays, bounds.head))
        self._settle(self._log, compare.schedules(schedules, bounds.head))
        self._settle(state, compare.types(state.types()))
        self._look_at_failures()

    def _look_at_failures(self) -> None:
        kept, rows = self._state.counts(), Counter[CountKey]()
        for part in self._state.failures():
            rows.update((failure.place, failure.listener, failure.state) for failure in part)
            places = self._log.places(sorted({failure.offset for failure in part}))
            self._settle(self._state, compare.failures(part, places, self._now_us()))
            self._settle(self._state, self._gone([f for f in part if f.offset not in places]))
        self._settle(self._state, compare.counts(kept, rows))

    def _gone(self, suspects: Sequence[Failed]) -> Iterable[Finding]:
        """Failed deliveries without their events, but for those that have been settled by now."""
        still = self._state.still(suspects) if suspects else ()
        return [Finding(FAILURE_EVENT, compare.told_failure(each), each) for each in still]

    # What waits

    def _look_at_what_waits(self) -> None:
        for part in self._log.waiting():
            self._waiting.update(each.row[0] for each in part)
            self._settle(self._log, compare.waiting(part))

    def _delivered(self, part: Part) -> Iterable[Finding]:
        if self._waiting.isdisjoint(row[1] for row in part.rows):
            return
        for row in part.rows:
            if row[1] in self._waiting:
                yield from compare.delivered(row, self._log.waiting_for(row[1]))

    # The log

    def _walk(self, span: Span) -> None:
        bounds = self._log.bounds()
        after = span.after(bounds.head)
        self.first, self.last = after + 1, bounds.head
        check = RowCheck(bounds.lanes, after, lambda: self._log.bounds().floor)
        shadows = self._log.shadows(after + 1, bounds.head)
        for part in self._parts(after, bounds):
            self._settle(self._log, check.look(part))
            self._settle(self._log, self._delivered(part))
            for shadow in shadows:
                self._settle(self._log, shadow.look(part))
            self._moved(part.through - after, bounds.head - after, self.events)

    def _parts(self, after: int, bounds: Bounds) -> Iterable[Part]:
        """The parts of the log; one without events where there is none."""
        if after >= bounds.head:
            yield Part([], after)
        while after < bounds.head:
            part = self._log.part(after, bounds.head)
            self.events += len(part.rows) + (part.unreadable is not None)
            yield part
            after = part.through

    # Findings

    def _settle(self, store: LogStore | StateStore, findings: Iterable[Finding]) -> None:
        """Note findings; mend them, each kind in one go, where that is wanted."""
        found = self.tally.add(findings)
        if not self._repairing:
            return
        mendable = [finding for finding in found if finding.kind.repair is not None]
        for kind in {finding.kind: None for finding in mendable}:
            of_kind = [finding for finding in mendable if finding.kind is kind]
            store.mend(kind, [finding.key for finding in of_kind])
            self.tally.repaired(kind, sum(finding.number for finding in of_kind))
