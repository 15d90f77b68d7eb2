"""Why an alert is told or not: its routes, its groups, what mutes it, what each channel knows.

All of it comes from the functions by which the pipeline decides, so that it cannot differ from
what happens (`forecast.py`). Moments are microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from event_system.alerting.alert import Alert, Update
from event_system.alerting.dedupe import Entry, Reason
from event_system.alerting.forecast import Step
from event_system.alerting.inhibition import Inhibitor
from event_system.alerting.labels import Labels
from event_system.alerting.matchers import all_match, written
from event_system.alerting.muting import Muting, QuietTime
from event_system.alerting.routes import Route

State: TypeAlias = Literal["firing", "resolved", "unknown"]


@dataclass(frozen=True, slots=True)
class Compared:
    """A matcher beside the alert's value."""

    matcher: str
    value: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Visited:
    """A route that was looked at. `takes`: the alert stays here, as no route below takes it."""

    depth: int
    receiver: str
    matchers: Sequence[Compared]
    matches: bool
    takes: bool
    continues: bool


@dataclass(frozen=True, slots=True)
class SilencedBy:
    """A silence that holds now."""

    id: str
    created_by: str
    comment: str
    ends_us: int


@dataclass(frozen=True, slots=True)
class InhibitedBy:
    """An alert that fires, and the rule by which it inhibits."""

    fingerprint: str
    labels: Labels
    source_matchers: str
    target_matchers: str
    equal: Sequence[str]


@dataclass(frozen=True, slots=True)
class Knows:
    """What a channel was told of the group last, and of this alert: `firing`, `resolved`, None."""

    us: int
    of_alert: Literal["firing", "resolved"] | None


@dataclass(frozen=True, slots=True)
class Failing:
    """Since when a channel could not be told, and with what the last attempt ended."""

    since_us: int
    error: str


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A channel that is not asked before a moment: by its limit (`20/min`), or "" as it wants it.

    `waiting` notifications go as one then; `has_alert`: this alert is in them.
    """

    until_us: int
    by: str
    waiting: int
    has_alert: bool


@dataclass(frozen=True, slots=True)
class Next:
    """A notification that is to come, and whether this alert is in it."""

    us: int
    reason: Reason
    has_alert: bool


@dataclass(frozen=True, slots=True)
class ChannelNow:
    """One channel as it is; `entry` is what it was told of a group."""

    name: str
    send_resolved: bool
    entry: Entry | None
    failing: Failing | None
    held: HeldBack | None


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One channel: what it knows, what the next flush does and why, when it is told next."""

    name: str
    send_resolved: bool
    known: Knows | None
    flush_sends: bool
    flush_reason: Reason | Literal["quiet_time"]
    next: Next | None
    failing: Failing | None
    held: HeldBack | None


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group that the alert is in. `flush_us`: when it is looked at next; None: it is new."""

    receiver: str
    key: str
    labels: Labels
    alerts: int
    is_waiting: bool
    flush_us: int
    quiet_time: QuietTime | None
    channels: Sequence[ChannelView]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Of one alert, at one moment. `flapping`: its changes, where it is told of as flapping."""

    fingerprint: str
    labels: Labels
    state: State
    starts_us: int | None
    ends_us: int | None
    flapping: int
    updates: Sequence[Update]
    now_us: int
    routes: Sequence[Visited]
    silenced_by: Sequence[SilencedBy]
    inhibited_by: InhibitedBy | None
    groups: Sequence[GroupView]


def visited(root: Route, labels: Labels) -> list[Visited]:
    """All routes that are looked at for these labels, from the top."""
    taking = {route.id for route in root.match(labels)}
    return list(_visited(root, labels, taking, 0))


def _visited(route: Route, labels: Labels, taking: set[str], depth: int) -> Iterator[Visited]:
    compared = [
        Compared(str(matcher), labels.get(matcher.name, ""), matcher.matches(labels))
        for matcher in route.matchers
    ]
    matches = all_match(route.matchers, labels)
    receiver = route.options.receiver
    yield Visited(depth, receiver, compared, matches, route.id in taking, route.continues)
    if not matches:
        return
    for below in route.routes:
        yield from _visited(below, labels, taking, depth + 1)
        if below.match(labels) and not below.continues:
            return


def silenced_by(muting: Muting, labels: Labels, now_us: int) -> list[SilencedBy]:
    """The silences that hold for these labels now."""
    found = map(muting.silences.get, muting.silences.silencing(labels, now_us))
    return [SilencedBy(each.id, each.created_by, each.comment, each.ends_us) for each in found]


def inhibited_by(found: Inhibitor | None) -> InhibitedBy | None:
    """What inhibits, for people."""
    if found is None:
        return None
    rule, source = found
    return InhibitedBy(
        source.fingerprint,
        source.labels,
        written(rule.source),
        written(rule.target),
        rule.equal,
    )


def channel_view(
    channel: ChannelNow, place: int, seen: Sequence[Step], fingerprint: str
) -> ChannelView:
    """Of the channel at this place of its receiver, by the flushes that are foreseen."""
    first, entry = seen[0], channel.entry
    plan = None if first.quiet_time is not None else first.plans[place]
    return ChannelView(
        channel.name,
        channel.send_resolved,
        None if entry is None else Knows(entry.at_us, _known_of(entry, fingerprint)),
        plan is not None and plan.is_sent,
        "quiet_time" if plan is None else plan.shown_reason,
        next_told(seen, place, fingerprint),
        channel.failing,
        channel.held,
    )


def _known_of(entry: Entry, fingerprint: str) -> Literal["firing", "resolved"] | None:
    if fingerprint in entry.firing:
        return "firing"
    return "resolved" if fingerprint in entry.resolved else None


def next_told(seen: Sequence[Step], place: int, fingerprint: str) -> Next | None:
    """The first of the flushes that are foreseen at which this channel is told something."""
    for step in seen:
        if step.quiet_time is None and (plan := step.plans[place]).is_sent:
            has_alert = any(alert.fingerprint == fingerprint for alert in plan.alerts)
            return Next(step.at_us, plan.reason, has_alert)
    return None


def state_of(alert: Alert | None, now_us: int) -> State:
    """Whether it fires."""
    if alert is None:
        return "unknown"
    return "resolved" if alert.resolved_at(now_us) else "firing"
