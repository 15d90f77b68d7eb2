"""What will be told of a group, as things stand: the flushes to come, by the pipeline's decisions.

It is assumed that what fires goes on, that nothing else is reported, and that channels take what
they are sent. Pure, and made step by step, as a group may be large.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from event_system.alerting.alert import Alert
from event_system.alerting.dedupe import DUE, Entry, after
from event_system.alerting.flapping import Flapping
from event_system.alerting.groups import as_flushed, leaving
from event_system.alerting.intervals import changes
from event_system.alerting.muting import Muting, QuietTime
from event_system.alerting.plans import Plan, owed_by, planned
from event_system.alerting.routes import Route

MOST_STEPS: Final = 200
_LATE_US: Final = 1
"""A timer is never early, so that a repetition falls on the flush at its interval's end."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """A group as it is. `entries` are what its channels were told, beside what each wants."""

    route: Route
    alerts: Sequence[Alert]
    entries: Sequence[Entry | None]
    send_resolved: Sequence[bool]
    muting: Muting
    keep_promise: bool
    now_us: int
    flapping: Flapping | None = None

    def shown(self, alerts: Sequence[Alert], at_us: int) -> Sequence[Alert]:
        """As they are told of at a flush."""
        return alerts if self.flapping is None else self.flapping.damped(alerts, at_us)


class Step(NamedTuple):
    """A flush: when, what keeps it quiet as a whole, and what each channel is to be told."""

    at_us: int
    quiet_time: QuietTime | None
    plans: Sequence[Plan]


def steps(outlook: Outlook, first_us: int) -> Iterator[Step]:
    """The flush at `first_us`, and those after it at which something may come out differently."""
    alerts = as_flushed(outlook.alerts, outlook.now_us)
    entries = list(outlook.entries)
    interval_us = outlook.route.options.group_interval_us + _LATE_US
    turns = sorted(set(_turns(outlook, alerts, first_us)))
    at_us = first_us
    for _ in range(MOST_STEPS):
        shown = outlook.shown(alerts, at_us)
        step = _step(outlook, shown, entries, at_us)
        yield step
        keep = frozenset[str]()
        if step.quiet_time is not None and outlook.keep_promise:
            keep = owed_by(entries)
        gone = {alert.fingerprint for alert in leaving(shown, at_us, keep)}
        alerts = [alert for alert in alerts if alert.fingerprint not in gone]
        has_changed = bool(gone)
        for place, plan in enumerate(step.plans):
            if plan.reason in DUE:
                entries[place] = after(entries[place], plan.told, now_us=at_us, keep_us=0)
                has_changed = True
        repeats = _repeats(outlook, entries)
        later = [us for us in (*turns, *repeats) if us > at_us]
        if has_changed and alerts:
            at_us += interval_us
        elif later and alerts:
            at_us += -(-(min(later) - at_us) // interval_us) * interval_us
        else:
            return


def _step(
    outlook: Outlook, alerts: Sequence[Alert], entries: Sequence[Entry | None], at_us: int
) -> Step:
    quiet_time = outlook.muting.quiet_time(outlook.route, at_us)
    if quiet_time is not None:
        return Step(at_us, quiet_time, ())
    quiet = outlook.muting.quiet(alerts, at_us, outlook.now_us)
    plans = [
        planned(
            alerts,
            entry,
            quiet=quiet,
            repeat_us=outlook.route.options.repeat_interval_us,
            send_resolved=send_resolved,
            keep_promise=outlook.keep_promise,
            now_us=at_us,
        )
        for entry, send_resolved in zip(entries, outlook.send_resolved, strict=True)
    ]
    return Step(at_us, None, plans)


def _turns(outlook: Outlook, alerts: Sequence[Alert], first_us: int) -> Iterator[int]:
    """When silences and time intervals begin and end."""
    options, muting = outlook.route.options, outlook.muting
    for alert in alerts:
        for silence in muting.silences.matching(alert.labels, outlook.now_us):
            yield from (silence.starts_us, silence.ends_us)
    if (flapping := outlook.flapping) is not None:
        for alert in alerts:
            if flapping.count(alert, outlook.now_us):
                yield flapping.steady_at_us(alert, outlook.now_us)
    names = (*options.mute_time_intervals, *options.active_time_intervals)
    yield from changes(muting.intervals, names, first_us)


def _repeats(outlook: Outlook, entries: Sequence[Entry | None]) -> Iterator[int]:
    repeat_us = outlook.route.options.repeat_interval_us
    yield from (entry.at_us + repeat_us + 1 for entry in entries if entry is not None)
