"""Which alerts are to be told now, and what is told of each. As Prometheus sends them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from event_system.gotemplate.functions import shortest
from event_system.rules.alerts import Alert
from event_system.rules.functions import table_link
from event_system.rules.ports import AlertReport
from event_system.rules.texts import Place

RESEND_MS: Final = 60_000
"""How often an alert is told again that fires, or has been over for a short time."""
_LOST: Final = 4
"""Tellings that may get lost before an alert counts as over."""
_Texts: TypeAlias = tuple[Mapping[str, str], Mapping[str, str], str, str]
"""Labels, annotations, the link and the value of a report."""


class Told(NamedTuple):
    """An alert as it was told last; without the `report` where that was by another group's teller."""

    at_ms: int
    alert: Alert
    report: AlertReport | None


@dataclass(frozen=True, slots=True)
class Teller:
    """Makes reports of the alerts of one group. `url` is where Prometheus or the node is found."""

    place: Place
    interval_ms: int
    resend_ms: int = RESEND_MS

    def is_due(self, alert: Alert, told_ms: int | None, now_ms: int) -> bool:
        """Whether it is to be told; `told_ms` is when it was told last."""
        if alert.state == "pending":
            return False
        if told_ms is None or told_ms > now_ms:  # a clock was set back
            return True
        changed_ms = alert.fired_ms if alert.resolved_ms is None else alert.resolved_ms
        if changed_ms is not None and changed_ms > told_ms:
            return True
        return told_ms + self.resend_ms < now_ms

    def report(
        self, alert: Alert, query: str, now_ms: int, told: Told | None = None
    ) -> AlertReport:
        """What is told of an alert that is firing or resolved, told before as `told`.

        What says the same as then are the same objects.
        """
        ends_ms = alert.resolved_ms
        if ends_ms is None:
            ends_ms = now_ms + _LOST * max(self.interval_ms, self.resend_ms)
        starts_ms = ends_ms if alert.fired_ms is None else min(alert.fired_ms, ends_ms)
        labels, annotations, url, value = self._texts(alert, query, told)
        return AlertReport(labels, annotations, starts_ms * 1000, ends_ms * 1000, url, value)

    def _texts(self, alert: Alert, query: str, told: Told | None) -> _Texts:
        report = None if told is None or told.alert.labels is not alert.labels else told.report
        if told is None or report is None:
            labels: Mapping[str, str] = {**self.place.labels, **dict(alert.labels)}
            url = f"{self.place.url}{table_link(query)}"
            return labels, dict(alert.annotations), url, shortest(alert.value)
        if told.alert is alert:
            return report.labels, report.annotations, report.generator_url, report.value
        same = told.alert.annotations is alert.annotations
        annotations = report.annotations if same else dict(alert.annotations)
        return report.labels, annotations, report.generator_url, shortest(alert.value)
