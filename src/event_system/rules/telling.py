"""Which alerts are to be told now, and what is told of each. As Prometheus sends them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from event_system.gotemplate.functions import shortest
from event_system.promql.ports import Labels
from event_system.rules.alerts import Alert
from event_system.rules.functions import table_link
from event_system.rules.ports import AlertReport
from event_system.rules.texts import Place

RESEND_MS: Final = 60_000
"""How often an alert is told again that fires, or has been over for a short time."""
_LOST: Final = 4
"""Tellings that may get lost before an alert counts as over."""


@dataclass(frozen=True, slots=True)
class Teller:
    """Makes reports of the alerts of one group. `url` is where Prometheus or the node is found."""

    place: Place
    interval_ms: int
    resend_ms: int = RESEND_MS

    def due(
        self, alerts: Iterable[Alert], told: Mapping[Labels, int], now_ms: int
    ) -> Iterator[Alert]:
        """Those that are to be told; `told` is when each was told last."""
        for alert in alerts:
            if alert.state != "pending" and self._is_due(alert, told.get(alert.labels), now_ms):
                yield alert

    def _is_due(self, alert: Alert, told_ms: int | None, now_ms: int) -> bool:
        if told_ms is None or told_ms > now_ms:  # a clock was set back
            return True
        changed_ms = alert.fired_ms if alert.resolved_ms is None else alert.resolved_ms
        if changed_ms is not None and changed_ms > told_ms:
            return True
        return told_ms + self.resend_ms < now_ms

    def report(self, alert: Alert, query: str, now_ms: int) -> AlertReport:
        """What is told of an alert that is firing or resolved."""
        ends_ms = alert.resolved_ms
        if ends_ms is None:
            ends_ms = now_ms + _LOST * max(self.interval_ms, self.resend_ms)
        starts_ms = ends_ms if alert.fired_ms is None else min(alert.fired_ms, ends_ms)
        return AlertReport(
            {**self.place.labels, **dict(alert.labels)},
            dict(alert.annotations),
            starts_ms * 1000,
            ends_ms * 1000,
            f"{self.place.url}{table_link(query)}",
            shortest(alert.value),
        )
