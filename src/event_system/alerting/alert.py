"""An alert, and how two reports of the same one become one."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from event_system.alerting.fingerprints import fingerprint


class Update(msgspec.Struct, frozen=True, gc=False):
    """What an alert said from a moment on."""

    us: int
    annotations: Mapping[str, str]


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What is known of one label set. Moments are microseconds since 1970.

    `value` is that of the rule's expression when it began to fire; empty where nobody said it.
    `is_timeout` says that `ends_us` was not given by the sender but set so that an alert which
    nobody reports any more ends. `changes` are the moments of its last starts and ends
    (flapping.py), `fired` the annotations with which it began where they have changed since, by
    `updates`, `update_count` of them, the newest of which are kept (beginning.py). `is_flapping` is set only where it is told of.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_us: int
    ends_us: int
    updated_us: int
    generator_url: str = ""
    value: str = ""
    is_timeout: bool = False
    fingerprint: str = ""
    changes: tuple[int, ...] = ()
    fired: Mapping[str, str] = {}
    updates: tuple[Update, ...] = ()
    update_count: int = 0
    is_flapping: bool = False

    def resolved_at(self, now_us: int) -> bool:
        return 0 < self.ends_us <= now_us


def with_fingerprint(alert: Alert) -> Alert:
    return msgspec.structs.replace(alert, fingerprint=fingerprint(alert.labels))


def fixed(alert: Alert, now_us: int) -> Alert:
    """As it is now: one that fires has no end, so that it does not resolve while it is sent."""
    return alert if alert.resolved_at(now_us) else msgspec.structs.replace(alert, ends_us=0)


def taken_in(known: Alert, new: Alert, now_us: int) -> Alert:
    """What is kept where `new` is reported and `known` is what was kept before."""
    alert = merged(known, new, now_us) if _overlap(known, new) else new
    if alert.starts_us == known.starts_us and known.value:
        return msgspec.structs.replace(alert, value=known.value)
    return alert


def _overlap(known: Alert, new: Alert) -> bool:
    return (
        known.starts_us < new.ends_us < known.ends_us
        or known.starts_us < new.starts_us < known.ends_us
    )


def merged(one: Alert, other: Alert, now_us: int) -> Alert:
    """Both as one: the earliest start, the annotations of the newer.

    The latest end wins where both are resolved; a later end that a sender gave wins over one that
    was set as a timeout.
    """
    if other.updated_us < one.updated_us:
        return merged(other, one, now_us)
    starts_us = min(one.starts_us, other.starts_us)
    ends_us = other.ends_us
    if other.resolved_at(now_us):
        if one.resolved_at(now_us):
            ends_us = max(one.ends_us, ends_us)
    elif not one.is_timeout:
        ends_us = max(one.ends_us, ends_us)
    return msgspec.structs.replace(other, starts_us=starts_us, ends_us=ends_us)


def granted(alert: Alert, now_us: int, timeout_us: int) -> Alert:
    """An alert as it is taken up: one that only was not reported while nobody listened goes on."""
    if not alert.updated_us < alert.ends_us <= now_us:
        return alert
    return msgspec.structs.replace(alert, ends_us=now_us + timeout_us)


def lapsed(alert: Alert) -> bool:
    """Whether it ended because nobody reported it any more."""
    return alert.updated_us < alert.ends_us
