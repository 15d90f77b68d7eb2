"""What a channel is to tell: the data that payloads and templates are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

from event_system.alerting.alert import Alert
from event_system.alerting.labels import Labels

Status: TypeAlias = Literal["firing", "resolved"]

_META: Final = re.compile(r"([\\.+*?()|\[\]{}^$])")


@dataclass(frozen=True)
class Notification:
    """Alerts of one group for one receiver. An alert without an end fires.

    `is_brief` asks for our own few words (brief.py) in the place of what templates make.
    `count` is of how many notifications this one is made (bundles.py). `conversation` is what mails
    belong together by, if not by their group. `recipients` are those of a channel's recipients who
    are still to be told; None: all of them.
    """

    receiver: str
    group_key: str
    group_labels: Labels
    alerts: Sequence[Alert]
    external_url: str
    is_brief: bool = False
    count: int = 1
    recipients: frozenset[str] | None = None
    conversation: str = ""

    @property
    def shown_receiver(self) -> str:
        """The receiver's name as receivers get to see it: fit for a regular expression."""
        return _META.sub(r"\\\1", self.receiver)

    @cached_property
    def status(self) -> Status:
        return "firing" if any(not alert.ends_us for alert in self.alerts) else "resolved"

    @cached_property
    def common_labels(self) -> dict[str, str]:
        return common([alert.labels for alert in self.alerts])

    @cached_property
    def common_annotations(self) -> dict[str, str]:
        return common([alert.annotations for alert in self.alerts])


def status_of(alert: Alert) -> Status:
    """Of an alert in a notification."""
    return "resolved" if alert.ends_us else "firing"


def common(sets: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The pairs that all have."""
    if not sets:
        return {}
    first, *others = sets
    return {
        name: value
        for name, value in first.items()
        if all(other.get(name) == value for other in others)
    }
