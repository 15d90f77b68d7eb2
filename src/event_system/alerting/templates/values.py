"""The values that templates see, under the names that Alertmanager gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from event_system.alerting.alert import Alert
from event_system.alerting.labels import sorted_pairs
from event_system.alerting.notification import Notification, status_of
from event_system.gotemplate.values import METHODS as OF_ALL
from event_system.gotemplate.values import Methods, Record, Texts, Time
from event_system.kernel.clock import to_datetime


class KV(Texts):
    """Labels or annotations."""

    def __str__(self) -> str:
        return str(pairs_of(self))


class Pairs(list[Record]):
    """Pairs of `Name` and `Value`."""

    def __str__(self) -> str:
        return ", ".join(f"{pair['Name']}={pair['Value']}" for pair in self)


class Alerts(list[Record]):
    """Alerts, of which `Firing` and `Resolved` give those."""


def pairs_of(labels: Mapping[str, str]) -> Pairs:
    return Pairs(Record(Name=name, Value=value) for name, value in sorted_pairs(labels))


def _without(labels: KV, names: Iterable[str]) -> KV:
    gone = frozenset(names)
    return KV({name: value for name, value in labels.items() if name not in gone})


def _with_status(alerts: Alerts, status: str) -> Alerts:
    return Alerts(alert for alert in alerts if alert["Status"] == status)


METHODS: Final[Mapping[type, Methods]] = {
    **OF_ALL,
    KV: {
        "SortedPairs": pairs_of,
        "Names": lambda labels: [name for name, _ in sorted_pairs(labels)],
        "Values": lambda labels: [value for _, value in sorted_pairs(labels)],
        "Remove": _without,
        "String": str,
    },
    Pairs: {
        "Names": lambda pairs: [pair["Name"] for pair in pairs],
        "Values": lambda pairs: [pair["Value"] for pair in pairs],
        "String": str,
    },
    Alerts: {
        "Firing": lambda alerts: _with_status(alerts, "firing"),
        "Resolved": lambda alerts: _with_status(alerts, "resolved"),
    },
}
"""What may be called on which values."""


def data(notification: Notification) -> Record:
    """What `.` is at the beginning of a notification's template."""
    return Record(
        Receiver=notification.shown_receiver,
        Status=notification.status,
        Alerts=Alerts(_alert(alert) for alert in notification.alerts),
        GroupLabels=KV(notification.group_labels),
        CommonLabels=KV(notification.common_labels),
        CommonAnnotations=KV(notification.common_annotations),
        ExternalURL=notification.external_url,
        GroupKey=notification.group_key,
        Count=notification.count,
    )


def _alert(alert: Alert) -> Record:
    return Record(
        Status=status_of(alert),
        Labels=KV(alert.labels),
        Annotations=KV(alert.annotations),
        StartsAt=Time(to_datetime(alert.starts_us)),
        EndsAt=Time(to_datetime(alert.ends_us) if alert.ends_us else None),
        GeneratorURL=alert.generator_url,
        Fingerprint=alert.fingerprint,
        Updates=alert.update_count,
    )
