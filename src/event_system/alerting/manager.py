"""Alerts in, notifications out: the shell around the decisions, with the clock and the tasks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from event_system.alerting.alert import Alert, granted, lapsed, taken_in
from event_system.alerting.beginning import with_beginning
from event_system.alerting.book import Book
from event_system.alerting.configuration import Configuration, Receiver
from event_system.alerting.counts import Counts, Reloads
from event_system.alerting.flapping import Flapping, with_changes
from event_system.alerting.forgotten import Reminders
from event_system.alerting.groups import Flush, Group, Groups, Moment, Timer
from event_system.alerting.inhibition import Inhibition
from event_system.alerting.known import KnownAlerts
from event_system.alerting.labels import Labels
from event_system.alerting.muting import Muting
from event_system.alerting.notifier import Notifier
from event_system.alerting.ordering import in_order
from event_system.alerting.ports import AlertingStore, Kept
from event_system.alerting.reminding import LOOK_SECONDS, Reminding
from event_system.alerting.reports import Reported, accepted
from event_system.alerting.routes import Route
from event_system.alerting.sending import Sender
from event_system.alerting.silences import Silence
from event_system.alerting.silencing import Silencing
from event_system.alerting.trials import Trials
from event_system.alerting.trouble import FAILING_US, trouble_of
from event_system.kernel.clock import Clock
from event_system.kernel.errors import AlertingFullError, EventSystemError, InvalidAlertError
from event_system.kernel.tasks import end

MAX_ALERTS: Final = 200_000
AT_ONCE: Final = 200
"""Alerts that are taken in before others have their turn: some 10 ms."""
SWEEP_SECONDS: Final = 30.0
WRITE_SECONDS: Final = 1.0
RESOLVED_US: Final = 900_000_000
"""How long an alert that has ended is kept, so that late reports of it are taken for it."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """How alerting behaves beside its configuration.

    `keep_promise`: whose beginning was told, its end is told too, also where it was silenced or
    inhibited in between. `retention_us` is how long expired silences and the log are kept.
    `keep_beginning`: an alert's end is told with what it said when it began. Without `flapping`
    nothing is damped, without `reminders` nobody is reminded of silences.
    """

    external_url: str
    keep_promise: bool = True
    retention_us: int = 120 * 3_600_000_000
    keep_beginning: bool = False
    flapping: Flapping | None = None
    reminders: Reminders | None = None


class AlertManager:
    """The pipeline. `start` before use, `stop` at the end. Loop thread only."""

    def __init__(
        self,
        configuration: Configuration,
        store: AlertingStore,
        sender: Sender,
        clock: Clock,
        new_id: Callable[[], str],
        options: Options,
    ) -> None:
        self.configuration = configuration
        self.options = options
        self.sender = sender
        self.trials = Trials(clock.monotonic)
        self.counts = Counts()
        self.reloads = Reloads(succeeded=True, at_us=clock.now_us())
        self._store = store
        self._book = Book(store)
        self.silencing = Silencing(self._book, clock, new_id)
        self.silences = self.silencing.silences
        self.notifier = Notifier(
            sender, self._book, options.external_url, options.keep_promise, options.retention_us
        )
        self._reminding = (
            Reminding(self.silences, self._book, options.reminders) if options.reminders else None
        )
        self._clock = clock
        self._alerts = KnownAlerts()
        self._groups = Groups(configuration.route)
        self._inhibition = Inhibition(configuration.inhibit_rules)
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._flushes: set[asyncio.Task[Any]] = set()

    # -- life

    async def start(self) -> None:
        """Take up what was kept. Raises `StorageError`."""
        self._take_up(await self._store.load())
        works = [self._look_after_groups(), self._sweep_again(), self._write_again()]
        if self._reminding is not None:
            works.append(self._remind_again(self._reminding))
        for work in works:
            self._tasks.add(asyncio.get_running_loop().create_task(work, name="alerting"))

    def _take_up(self, kept: Kept) -> None:
        now = self._now()
        for silence in kept.silences.values():
            self.silences.put(silence)
        for recurring in kept.recurring.values():
            self.silencing.recurring.put(recurring)
        self.silencing.renew()
        if self._reminding is not None:
            self._reminding.take_up(kept.notes.items())
        self.notifier.entries.update(kept.entries)
        for alert in kept.alerts.values():
            self._hold(granted(alert, now.wall_us, self.configuration.resolve_timeout_us))
        for alert in self._alerts:
            self._groups.insert(alert, now)
        for id_, timer in kept.timers.items():
            self._groups.restore(id_, timer, now)

    async def stop(self) -> None:
        """End the notifications that are under way; they are due again at the next start."""
        for task in (*self._tasks, *self._flushes):
            await end(task)
        await _close(self.configuration)
        await self._book.try_to_write()

    async def reload(self, configuration: Configuration) -> None:
        """Go on by another configuration. Groups are formed anew; what was told stays known."""
        for task in list(self._flushes):
            await end(task)
        before, now = self.configuration, self._now()
        self.reloads = Reloads(succeeded=True, at_us=now.wall_us)
        self.configuration = configuration
        self.notifier.forget_failures()
        for group in self._groups:
            self._book.waiting.timers[group.id] = None
        self._groups = Groups(configuration.route)
        self._inhibition = Inhibition(configuration.inhibit_rules, self._alerts)
        for alert in self._alerts:
            self._note(self._groups.insert(alert, now), now)
        self._wake.set()
        if before is not configuration:
            await _close(before)

    def _now(self) -> Moment:
        return Moment(self._clock.now_us(), round(self._clock.monotonic() * 1_000_000))

    # -- alerts

    async def receive(self, reports: Sequence[Reported]) -> None:
        """Take alerts in; what is new is on stable storage once this returns.

        Raises `InvalidAlertError` for the first that is invalid, `AlertingFullError` and
        `StorageError`; the others are taken in all the same.
        """
        refused: InvalidAlertError | AlertingFullError | None = None
        is_news = False
        for start in range(0, len(reports), AT_ONCE):
            if start:  # what is due meanwhile is told meanwhile
                await asyncio.sleep(0)
            now, page = self._now(), reports[start : start + AT_ONCE]
            names = self._alerts.fingerprints([report.labels for report in page])
            for report, name in zip(page, names, strict=True):
                try:
                    is_news |= self._take_in(report, name, now)
                except (InvalidAlertError, AlertingFullError) as error:
                    self.counts.invalid += 1
                    refused = refused or error
        if is_news:
            await self._book.write()
        if refused is not None:
            raise refused

    def _take_in(self, report: Reported, fingerprint: str, now: Moment) -> bool:
        """Whether it says something new."""
        timeout_us = self.configuration.resolve_timeout_us
        known = self._alerts.get(fingerprint)
        alert = accepted(report, fingerprint, now.wall_us, timeout_us, known)
        if known is not None:
            alert = self._renewed(known, alert, now.wall_us)
        elif len(self._alerts) >= MAX_ALERTS:
            raise AlertingFullError(f"{MAX_ALERTS:,} alerts are kept")
        if alert.resolved_at(now.wall_us):
            self.counts.resolved += 1
        else:
            self.counts.firing += 1
        self._hold(alert)
        self._book.waiting.alerts[alert.fingerprint] = alert
        self._note(self._groups.insert(alert, now), now)
        return (
            known is None
            or known.resolved_at(now.wall_us) != alert.resolved_at(now.wall_us)
            or known.annotations != alert.annotations
        )

    def _renewed(self, known: Alert, new: Alert, now_us: int) -> Alert:
        alert = taken_in(known, new, now_us)
        if self.options.flapping is not None:
            alert = with_changes(known, alert, now_us)
        return with_beginning(known, alert) if self.options.keep_beginning else alert

    def _hold(self, alert: Alert) -> None:
        self._alerts.put(alert)
        self._inhibition.put(alert)

    def _note(self, groups: Iterable[Group], now: Moment) -> None:
        for group in groups:
            self._book.waiting.timers[group.id] = group.timer(now)
            self._wake.set()

    # -- looking

    def now_us(self) -> int:
        return self._clock.now_us()

    def alerts(self) -> list[Alert]:
        """Those that fire, by fingerprint."""
        now_us = self._clock.now_us()
        found = [alert for alert in self._alerts if not alert.resolved_at(now_us)]
        return sorted(found, key=lambda alert: alert.fingerprint)

    def in_turns(self) -> AsyncIterator[list[Alert]]:
        """Those that fire, by fingerprint, in pages; others have their turn between these."""
        return self._alerts.pages(self._clock.now_us())

    def trouble(self) -> str:
        """What keeps alerting from its work now; "" where nothing does."""
        failing = self.notifier.failing_since(self._clock.now_us() - FAILING_US)
        return trouble_of(
            is_stored=self._book.is_stored,
            failing=failing | self.sender.failing(FAILING_US / 1_000_000),
        )

    def group_count(self) -> int:
        """How many groups there are."""
        return len(self._groups)

    def groups(self) -> list[Group]:
        """All groups, by their labels and receivers."""
        return sorted(
            self._groups,
            key=lambda group: (sorted(group.labels.items()), group.route.options.receiver),
        )

    def alert(self, fingerprint: str) -> Alert | None:
        """One that fires, or has ended lately."""
        return self._alerts.get(fingerprint)

    def with_labels(self, labels: Labels) -> list[Alert]:
        """Those that have all of these labels."""
        wanted = labels.items()
        return [alert for alert in self._alerts if wanted <= alert.labels.items()]

    def group_of(self, route: Route, labels: Labels) -> Group | None:
        """That of these labels on a route."""
        return self._groups.find(route, labels)

    def timer_of(self, group: Group) -> Timer:
        """When it is due, and whether it has been looked at."""
        return group.timer(self._now())

    def receivers_of(self, alert: Alert) -> list[str]:
        routes = self.configuration.route.match(alert.labels)
        return [route.options.receiver for route in routes]

    def muting(self) -> Muting:
        """What keeps alerts quiet now."""
        return Muting(self.silences, self._inhibition, self.configuration.intervals)

    # -- silences

    async def set_silence(self, wanted: Silence) -> str:
        """As `Silencing.set_silence`."""
        return await self.silencing.set_silence(wanted)

    async def expire_silence(self, id_: str) -> None:
        """As `Silencing.expire_silence`."""
        await self.silencing.expire_silence(id_)

    # -- notifications

    async def _look_after_groups(self) -> None:
        while True:
            await self._until_due()
            now = self._now()
            for flush in self._groups.take_due(now):
                task = asyncio.get_running_loop().create_task(self._flush(self._groups, flush))
                self._flushes.add(task)
                task.add_done_callback(self._flushes.discard)

    async def _until_due(self) -> None:
        due_us = self._groups.next_due_us()
        wait = None if due_us is None else (due_us - self._now().steady_us) / 1_000_000
        try:
            async with asyncio.timeout(wait):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _flush(self, groups: Groups, flush: Flush) -> None:
        told, kept = False, frozenset[str]()
        for alert in filter(lapsed, flush.alerts):  # else it would go on at the next start
            stored = msgspec.structs.replace(alert, updated_us=alert.ends_us)
            self._book.waiting.alerts[alert.fingerprint] = stored
        try:
            shown = flush.alerts
            if not flush.in_order:
                shown = await in_order(shown)
                groups.keep_order(flush.group, shown)
            if (flapping := self.options.flapping) is not None:
                shown = flapping.damped(shown, flush.moment.wall_us)
            flush = flush._replace(alerts=shown)
            now_us, muting, receiver = flush.moment.wall_us, self.muting(), self._receiver(flush)
            if muting.quiet_time(flush.group.route, now_us) is not None:
                told, kept = True, self.notifier.owed(flush, receiver)
            else:
                quiet = await muting.quiet_in_turns(flush.alerts, now_us)
                told = await self.notifier.tell_all(flush, receiver, quiet)
        except Exception:  # noqa: BLE001 - the other groups go on
            _log.exception("a group could not be told: %s", flush.group.key)
        finally:
            groups.end(flush, told=told, keep=kept)
            self._wake.set()
        if groups is self._groups:  # what is cut off comes not here: it is due at the next start
            self._note([flush.group], self._now())

    def _receiver(self, flush: Flush) -> Receiver:
        return self.configuration.receivers[flush.group.route.options.receiver]

    # -- keeping house

    async def _write_again(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self._book.try_to_write()

    async def _sweep_again(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep()

    async def _remind_again(self, reminding: Reminding) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.remind(reminding)

    async def remind(self, reminding: Reminding) -> None:
        """Report the silences that somebody should think of. That it failed is logged."""
        try:
            await self.receive(await reminding.look(self.alerts(), self._clock.now_us()))
        except EventSystemError as error:
            _log.error("nobody could be reminded of silences: %s", error.detail)

    def sweep(self) -> None:
        """Forget what nobody needs any more."""
        now_us = self._clock.now_us()
        waiting = self._book.waiting
        self.silencing.renew()
        waiting.timers |= dict.fromkeys(self._groups.drop_empty())
        in_groups = self._groups.holding()
        for alert in list(self._alerts):
            is_old = alert.resolved_at(now_us - RESOLVED_US)
            if is_old and alert.fingerprint not in in_groups:
                self._alerts.drop(alert)
                self._inhibition.drop(alert)
                waiting.alerts[alert.fingerprint] = None
        self.notifier.sweep(self._alerts.by_fingerprint, now_us)
        self.silencing.drop_expired(now_us - self.options.retention_us)


async def _close(configuration: Configuration) -> None:
    for receiver in configuration.receivers.values():
        for integration in receiver.integrations:
            await integration.channel.close()
