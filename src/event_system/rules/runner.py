"""Evaluates groups of rules on their intervals, keeps their alerts, and has them told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from event_system.kernel.clock import Clock
from event_system.kernel.errors import EventSystemError, LeaseLostError, StorageError
from event_system.kernel.records import Records, encoded, load_all
from event_system.kernel.tasks import end
from event_system.rules.evaluation import RuleState
from event_system.rules.group_run import GroupRun
from event_system.rules.keeping import KIND, Kept, by_rule
from event_system.rules.model import DEFAULT_INTERVAL_MS, Group
from event_system.rules.parting import Parting
from event_system.rules.ports import AlertReport, AlertSink, Questions, SampleSink
from event_system.rules.telling import RESEND_MS, Teller
from event_system.rules.texts import NOWHERE, Place
from event_system.rules.trouble import STORAGE, TELLING, trouble_of

_log: Final = logging.getLogger(__name__)


class RuleRunner:
    """All groups of a node. `begin`, and `close` at the end; after that it may begin again.

    What changes in the state of an alert is stored before anybody is told of it. Where it cannot be
    stored, it is told all the same, and stored with the next change. `evaluated` hears of each
    evaluation. Loop thread only.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        questions: Questions,
        sink: SampleSink,
        clock: Clock,
        place: Place = NOWHERE,
        default_ms: int = DEFAULT_INTERVAL_MS,
        evaluated: Callable[[GroupRun], None] = lambda _run: None,
    ) -> None:
        self.runs = [GroupRun(group, default_ms, place) for group in groups]
        self._default_ms = default_ms
        self._place = place
        self._questions = questions
        self._sink = sink
        self._clock = clock
        self._evaluated = evaluated
        self._parting = Parting(Teller(place, RESEND_MS))
        self._records: Records | None = None
        self._alerts: AlertSink | None = None
        self._owed: dict[str, Kept | None] = {}
        self._tasks: dict[GroupRun, asyncio.Task[None]] = {}
        self._seeing_off: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self._troubles: set[str] = set()

    def trouble(self) -> str:
        """What keeps the rules from their work now; "" where nothing does."""
        return trouble_of(self.runs, self._troubles, self._now_ms())

    # -- life

    async def begin(self, records: Records, alerts: AlertSink) -> None:
        """Take up the alerts that were stored, and evaluate from now on. Raises `StorageError`."""
        kept = by_rule(await load_all(records, KIND, Kept))
        self._records, self._alerts, self._owed = records, alerts, {}
        self._parting = Parting(Teller(self._place, RESEND_MS))
        self.runs = [self._fresh(run.state.group) for run in self.runs]
        for run in self.runs:
            self._restore(run, kept)
        for rest in kept.values():
            self._owed |= self._parting.take(rest, self._now_ms())
        loop = asyncio.get_running_loop()
        self._tasks = {run: loop.create_task(self._go_on(run), name="rules") for run in self.runs}
        self._seeing_off = loop.create_task(self._see_off(), name="rules")

    def _restore(self, run: GroupRun, kept: dict[str, dict[str, Kept]]) -> None:
        for number, key in enumerate(run.keys):
            if key is not None and key in kept:
                run.restore(number, kept.pop(key))

    def _fresh(self, group: Group) -> GroupRun:
        return GroupRun(group, self._default_ms, self._place)

    async def close(self) -> None:
        """Evaluate no more. Alerts stay what they are, for whoever begins again."""
        tasks = [*self._tasks.values()]
        if self._seeing_off is not None:
            tasks.append(self._seeing_off)
        self._tasks, self._seeing_off = {}, None
        await asyncio.gather(*map(end, tasks))
        self.runs = [self._fresh(run.state.group) for run in self.runs]

    async def replace(self, groups: Sequence[Group], default_ms: int, place: Place) -> None:
        """Go on with other groups. Those that are the same go on untouched.

        Rules that are the same keep their alerts; the alerts and series of others end.
        """
        async with self._changing:
            same_world = (default_ms, place) == (self._default_ms, self._place)
            self._default_ms, self._place = default_ms, place
            old = {(run.state.group.file, run.state.group.name): run for run in self.runs}
            runs = []
            for group in groups:
                run = old.get((group.file, group.name))
                if run is not None and same_world and run.state.group == group:
                    del old[group.file, group.name]
                    runs.append(run)
                else:
                    runs.append(self._fresh(group))
            await self._exchange(runs, old)

    async def _exchange(
        self, runs: list[GroupRun], old: Mapping[tuple[str, str], GroupRun]
    ) -> None:
        running = self._seeing_off is not None
        await asyncio.gather(*(end(self._tasks.pop(run)) for run in old.values() if running))
        for run in runs:
            before = old.get((run.state.group.file, run.state.group.name))
            if before is not None:
                run.take_over(before)
        self.runs = runs
        if not running:
            return
        await self._end(old.values())
        loop = asyncio.get_running_loop()
        for run in runs:
            self._come_back(run)
            if run not in self._tasks:
                self._tasks[run] = loop.create_task(self._go_on(run), name="rules")

    def _come_back(self, run: GroupRun) -> None:
        for number, key in enumerate(run.keys):
            if key is not None and (kept := self._parting.return_to(key)):
                run.restore(number, kept)

    async def _end(self, runs: Iterable[GroupRun]) -> None:
        """Let the alerts and series end that these runs have still."""
        now_ms = self._now_ms()
        for run in runs:
            self._owed |= self._parting.take(run.left(), now_ms)
            try:
                await self._questions.run(partial(run.state.end, now_ms, self._sink))
            except EventSystemError as error:
                self._complain("series", f"ends of series are not stored: {error}")
        await self._part(now_ms)

    # -- at work

    async def _go_on(self, run: GroupRun) -> None:
        run.take_turn(self._now_ms())  # the first evaluation is at the next moment
        while True:
            now_ms = self._now_ms()
            await asyncio.sleep((run.next_ms(now_ms) - now_ms) / 1000)
            if (moment_ms := run.take_turn(self._now_ms())) is None:
                continue  # woken a little early
            try:
                await self.evaluate(run, moment_ms)
            except Exception as error:  # noqa: BLE001 - the next turn tries again
                _log.error("rules: %s", error, exc_info=error)

    async def _see_off(self) -> None:
        while True:
            try:
                await self._part(self._now_ms())
            except Exception as error:  # noqa: BLE001 - the next turn tries again
                _log.error("rules: %s", error, exc_info=error)
            await asyncio.sleep(RESEND_MS / 1000)

    async def _part(self, now_ms: int) -> None:
        """Tell of the alerts whose rules are no more."""
        self._owed |= self._parting.forget(now_ms)
        if not await self._store():
            return
        due = self._parting.due(now_ms)
        if due and await self._tell(list(due.values())):
            self._parting.note(due, now_ms)

    async def evaluate(self, run: GroupRun, moment_ms: int) -> None:
        """One evaluation of a group, in a thread of who answers; then what follows of it."""
        began, before = self._clock.monotonic(), run.state.rules
        states = await self._questions.run(
            lambda: run.state.evaluated(
                moment_ms, self._questions.ask, self._sink, self._clock.monotonic
            )
        )
        self._owed |= run.advance(states, moment_ms, self._clock.monotonic() - began)
        self._evaluated(run)
        self._say_what_fails(run, before)
        if not await self._store():
            return
        due = run.due(moment_ms)
        if due and await self._tell([each.report for each in due]):
            run.note(due, moment_ms)

    def _say_what_fails(self, run: GroupRun, before: Sequence[RuleState]) -> None:
        group = run.state.group
        for rule, state, was in zip(group.rules, run.state.rules, before, strict=True):
            if state.error is not None and was.error is None:
                context = {"code": state.error.code, "group": group.name, "rule": rule.name}
                _log.warning(
                    "rule %s fails: %s", rule.name, state.error, extra={"context": context}
                )

    async def _store(self) -> bool:
        """Store what is owed; False where another node has taken over, whose it is to tell."""
        if not self._owed or self._records is None:
            return True
        owed, self._owed = self._owed, {}
        try:
            await self._records.save({KIND: encoded(owed)})
        except StorageError as error:
            self._owed = {**owed, **self._owed}
            self._complain(STORAGE, f"the state of alerts is not stored: {error}")
            return not isinstance(error, LeaseLostError)
        self._troubles.discard(STORAGE)
        return True

    async def _tell(self, reports: Sequence[AlertReport]) -> bool:
        """Whether somebody has taken them."""
        if self._alerts is None:
            return False
        try:
            await self._alerts.send(reports)
        except EventSystemError as error:
            self._complain(TELLING, f"alerts are not told: {error}")
            return False
        self._troubles.discard(TELLING)
        return True

    def _complain(self, what: str, text: str) -> None:
        """Once, until it goes well again."""
        if what not in self._troubles:
            self._troubles.add(what)
            _log.error("rules: %s", text)

    def _now_ms(self) -> int:
        return self._clock.now_us() // 1000
