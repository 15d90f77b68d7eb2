"""The notification log: what a receiver was told of a group, and whether it is to be told again."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from event_system.alerting.alert import Alert

Reason: TypeAlias = Literal[
    "owed",
    "first",
    "new",
    "all_ended",
    "ended",
    "steady",
    "repeat",
    "nothing",
    "never_told",
    "end_known",
    "known",
    "ends_not_wanted",
]
DUE: Final[frozenset[Reason]] = frozenset(
    ("owed", "first", "new", "all_ended", "ended", "steady", "repeat")
)
"""The reasons to tell; the others are reasons not to."""


FLAPS: Final = "~"
"""Behind a fingerprint: it is told that this alert flaps."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """The last successful notification of a group over one channel.

    Alerts are named by fingerprints. `owed` are those whose beginning was told and whose end was
    not, however often the group changed in between.
    """

    firing: frozenset[str]
    resolved: frozenset[str]
    at_us: int
    expires_us: int
    owed: frozenset[str] = frozenset()


class Told(msgspec.Struct, frozen=True):
    """What there is to tell of a group now: fingerprints of firing and of resolved alerts."""

    firing: frozenset[str]
    resolved: frozenset[str]


def split(alerts: list[Alert], now_us: int) -> Told:
    resolved = frozenset(alert.fingerprint for alert in alerts if alert.resolved_at(now_us))
    firing = frozenset(alert.fingerprint for alert in alerts) - resolved
    flapping = frozenset(alert.fingerprint + FLAPS for alert in alerts if alert.is_flapping)
    return Told(firing | flapping, resolved)


def _steady(entry: Entry, now: Told) -> bool:
    """Whether something that was told to flap only fires now."""
    marks = (mark for mark in entry.firing - now.firing if mark.endswith(FLAPS))
    return any(mark.removesuffix(FLAPS) in now.firing for mark in marks)


def judged(
    entry: Entry | None,
    now: Told,
    *,
    repeat_us: int,
    send_resolved: bool,
    now_us: int,
    keep_promise: bool = False,
) -> Reason:
    """Whether a notification is to be sent (`DUE`), and why or why not.

    `keep_promise` also sends where only an end is owed that the last notification did not count
    among what fires.
    """
    if keep_promise and send_resolved and entry is not None and entry.owed & now.resolved:
        return "owed"
    if entry is None:
        return "first" if now.firing else "never_told"
    reason = _news(entry, now, send_resolved)
    if reason is not None:
        return reason
    return "repeat" if entry.at_us < now_us - repeat_us else "known"


def _news(entry: Entry, now: Told, send_resolved: bool) -> Reason | None:
    """What there is to tell beside what was told; also that there is nothing at all."""
    if not now.firing <= entry.firing:
        return "new"
    if not now.firing:
        return "all_ended" if entry.firing else "end_known"
    if send_resolved and not now.resolved <= entry.resolved:
        return "ended"
    return "steady" if _steady(entry, now) else None


def after(entry: Entry | None, now: Told, *, now_us: int, keep_us: int) -> Entry:
    """The entry once this was sent."""
    owed = entry.owed if entry else frozenset()
    return Entry(
        firing=now.firing,
        resolved=now.resolved,
        at_us=now_us,
        expires_us=now_us + keep_us,
        owed=(owed | {each for each in now.firing if not each.endswith(FLAPS)}) - now.resolved,
    )
