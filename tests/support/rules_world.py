"""Rules that are evaluated when a test says so, with alerts that are told to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from event_system.kernel.errors import EventSystemError, PromqlError
from event_system.kernel.records import Records
from event_system.promql.engine import Answer, Limits, at, evaluate
from event_system.promql.ports import NAME, Labels
from event_system.rules.alerts import Alert
from event_system.rules.group_run import GroupRun
from event_system.rules.memory import SeriesInMemory
from event_system.rules.model import Group
from event_system.rules.ports import AlertReport, Sample
from event_system.rules.runner import RuleRunner
from event_system.rules.texts import Place
from tests.support.clock import HandClock

T = TypeVar("T")
SECOND_MS, MINUTE_MS, HOUR_MS = 1000, 60_000, 3_600_000
INTERVAL_MS = HOUR_MS
"""So long that no evaluation comes but those that a test asks for."""
PLACE = Place({"region": "eu"}, "http://node:8080")


class Told:
    """Implements `AlertSink`; fails while it is told to."""

    def __init__(self) -> None:
        self.reports: list[AlertReport] = []
        self.error: EventSystemError | None = None

    async def send(self, reports: Sequence[AlertReport]) -> None:
        if self.error is not None:
            raise self.error
        self.reports.extend(reports)

    def take(self) -> list[AlertReport]:
        """What came since the last look."""
        found, self.reports = self.reports, []
        return found


class World(SeriesInMemory):
    """Series, a clock, and who is told. Implements `Questions`."""

    def __init__(self, records: Records) -> None:
        super().__init__()
        self.clock = HandClock()
        self.records = records
        self.told = Told()
        self.is_down = False
        self.runner: RuleRunner

    @property
    def now_ms(self) -> int:
        return self.clock.us // 1000

    def ask(self, query: str, moment_ms: int) -> Answer:
        if self.is_down:
            raise PromqlError("nobody answers")
        return evaluate(self, Limits(), at(query, moment_ms), lambda: None)

    async def run(self, work: Callable[[], T]) -> T:
        return work()

    def close(self) -> None:
        """Nothing is open."""

    async def begin(self, *groups: Group) -> None:
        """As a process does that has just started."""
        self.runner = RuleRunner(groups, self, self, self.clock, PLACE, INTERVAL_MS)
        await self.runner.begin(self.records, self.told)

    async def kill(self) -> None:
        """End without a word; only what is stored is left."""
        await self.runner.close()

    async def evaluate(
        self, after_ms: int = 0, rows: Mapping[str, float] | None = None
    ) -> dict[Labels, Alert]:
        """All alerts after an evaluation, some time later, with these rows of `x`, by `row`."""
        self.clock.us += after_ms * 1000
        for row, value in (rows or {}).items():
            labels = ((NAME, "x"), ("row", row))
            self.append([Sample(labels, self.now_ms, value)])
        for run in self.runner.runs:
            await self.runner.evaluate(run, self.now_ms)
        return self.alerts()

    def alerts(self) -> dict[Labels, Alert]:
        runs: list[GroupRun] = self.runner.runs
        return {
            labels: alert
            for run in runs
            for state in run.state.rules
            for labels, alert in state.alerts.items()
        }
