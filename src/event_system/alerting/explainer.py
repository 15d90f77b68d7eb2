"""Explains an alert of a running `AlertManager`: gathers what `explaining.py` tells of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from event_system.alerting.alert import Alert, with_fingerprint
from event_system.alerting.configuration import Receiver
from event_system.alerting.explaining import (
    ChannelNow,
    Explanation,
    GroupView,
    HeldBack,
    channel_view,
    inhibited_by,
    next_told,
    silenced_by,
    state_of,
    visited,
)
from event_system.alerting.forecast import Outlook, Step, steps
from event_system.alerting.labels import Labels
from event_system.alerting.manager import AlertManager
from event_system.alerting.routes import Route, group_key
from event_system.alerting.sending import Integration
from event_system.kernel.errors import AlertNotFoundError, AmbiguousAlertError

MOST_LOOKED_AT: Final = 50_000
"""Alerts that are judged for one group's forecast, over all its flushes."""
_MOST_NAMED: Final = 10


def found(manager: AlertManager, labels: Labels) -> Alert:
    """The alert that is meant by some of its labels; one that would come where none is known.

    Raises `AmbiguousAlertError` where several are meant, and `AlertNotFoundError` without labels.
    """
    if not labels:
        raise AlertNotFoundError("no label is given")
    known = manager.with_labels(labels)
    exact = [alert for alert in known if alert.labels == labels]
    meant = exact or known
    if len(meant) > 1:
        named = ", ".join(alert.fingerprint for alert in meant[:_MOST_NAMED])
        raise AmbiguousAlertError(f"{len(meant):,} alerts have these labels: {named}")
    if meant:
        return meant[0]
    now_us = manager.now_us()
    return with_fingerprint(
        Alert(labels=labels, annotations={}, starts_us=now_us, ends_us=0, updated_us=now_us)
    )


def by_fingerprint(manager: AlertManager, fingerprint: str) -> Alert:
    """Raises `AlertNotFoundError`."""
    known = manager.alert(fingerprint)
    if known is None:
        raise AlertNotFoundError(f"no alert {fingerprint[:80]!r}", where=fingerprint[:80])
    return known


def explained(manager: AlertManager, alert: Alert) -> Explanation:
    """An alert that is known, or one that would begin now."""
    now_us, muting = manager.now_us(), manager.muting()
    known = manager.alert(alert.fingerprint)
    routes = manager.configuration.route.match(alert.labels)
    views = (_group_view(manager, route, alert, known is None) for route in routes)
    return Explanation(
        fingerprint=alert.fingerprint,
        labels=alert.labels,
        state=state_of(known, now_us),
        starts_us=None if known is None else known.starts_us,
        ends_us=None if known is None else known.ends_us,
        flapping=_flapping(manager, known, now_us),
        updates=() if known is None else known.updates,
        now_us=now_us,
        routes=visited(manager.configuration.route, alert.labels),
        silenced_by=silenced_by(muting, alert.labels, now_us),
        inhibited_by=inhibited_by(muting.inhibition.inhibitor(alert.labels, now_us)),
        groups=[view for view in views if view is not None],
    )


def _flapping(manager: AlertManager, known: Alert | None, now_us: int) -> int:
    flapping = manager.options.flapping
    return 0 if flapping is None or known is None else flapping.count(known, now_us)


def _group_view(
    manager: AlertManager, route: Route, alert: Alert, is_new: bool
) -> GroupView | None:
    """None where the alert has left its group: it has ended, and all were told."""
    group = manager.group_of(route, alert.labels)
    now_us = manager.now_us()
    if group is None:
        if not is_new:
            return None
        due_us, has_flushed, alerts = now_us + route.options.group_wait_us, False, [alert]
    else:
        due_us, has_flushed = manager.timer_of(group)
        alerts = [*group.alerts.values(), *([alert] if is_new else [])]
    labels = route.group_labels(alert.labels)
    key = group_key(route, labels)
    receiver = manager.configuration.receivers[route.options.receiver]
    entries = manager.notifier.entries_of(key, receiver)
    outlook = Outlook(
        route,
        alerts,
        entries,
        [each.send_resolved for each in receiver.integrations],
        manager.muting(),
        manager.options.keep_promise,
        now_us,
        manager.options.flapping,
    )
    seen = _foreseen(outlook, max(due_us, now_us), receiver, alert.fingerprint)
    return GroupView(
        receiver=receiver.name,
        key=key,
        labels=labels,
        alerts=len(alerts),
        is_waiting=not has_flushed,
        flush_us=seen[0].at_us,
        quiet_time=seen[0].quiet_time,
        channels=[
            channel_view(
                ChannelNow(
                    each.name,
                    each.send_resolved,
                    entry,
                    manager.notifier.failing(key, receiver.name, each),
                    _held_back(manager, each, alert.fingerprint),
                ),
                place,
                seen,
                alert.fingerprint,
            )
            for place, (each, entry) in enumerate(zip(receiver.integrations, entries, strict=True))
        ],
    )


def _held_back(
    manager: AlertManager, integration: Integration, fingerprint: str
) -> HeldBack | None:
    found = manager.sender.held(integration)
    if found is None:
        return None
    return HeldBack(
        manager.now_us() + round(found.seconds * 1_000_000),
        found.by,
        len(found.waiting),
        any(alert.fingerprint == fingerprint for each in found.waiting for alert in each.alerts),
    )


def _foreseen(
    outlook: Outlook, first_us: int, receiver: Receiver, fingerprint: str
) -> Sequence[Step]:
    """Flushes until each channel is told something, or no more work is to be put into it."""
    seen: list[Step] = []
    left = MOST_LOOKED_AT
    for step in steps(outlook, first_us):
        seen.append(step)
        left -= max(1, len(outlook.alerts))
        places = range(len(receiver.integrations))
        if left < 0 or all(next_told(seen, place, fingerprint) for place in places):
            break
    return seen
