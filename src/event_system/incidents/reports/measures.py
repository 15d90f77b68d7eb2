"""Measures of a period. Pure; moments are microseconds since 1970, 0 is never.

An incident belongs to the period in which it was opened; its downtime counts where it lies. One
that was merged into another is not counted beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from event_system.incidents.incident import Incident
from event_system.incidents.levels import LEVELS, Level
from event_system.kernel.spans import Span, total_us

DOWN: Final[frozenset[Level]] = frozenset(("P0", "P1"))
"""The levels at which a service counts as down: S1 §3.1 calls them unusable or impaired."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a number of incidents come to; None where there is nothing to take a mean of.

    - `mtta_seconds`, mean time to acknowledge: from when the product noticed until somebody
      answered, over the incidents that were answered (PagerDuty's and Opsgenie's definition).
    - `mttr_seconds`, mean time to restore: from the start of the first alert until it was
      resolved, over the incidents that are resolved (DORA's time to restore service, ITIL's mean
      time to restore service).
    - `mtbf_seconds`, mean operating time between failures: the time of the period in which the
      service was not down, by the number of its failures (IEC 60050-192-05-13).
    - `availability`: the share of the period in which it was not down (IEC 60050-192-08-01, as
      measured over a span). Failures that overlap count their time once.
    """

    incidents: int
    by_level: Mapping[str, int]
    acknowledged: int
    resolved: int
    reopened: int
    failures: int
    mtta_seconds: float | None
    mttr_seconds: float | None
    mtbf_seconds: float | None
    down_seconds: float
    availability: float | None


def counted(incidents: Iterable[Incident]) -> list[Incident]:
    """Those that count: what was merged is told by the incident that it was merged into."""
    return [each for each in incidents if not each.merged_into and each.state != "merged"]


def figures(incidents: Iterable[Incident], period: Span, now_us: int) -> Figures:
    """Of one service, or of all. A period that is not over ends now."""
    within = Span(period.start_us, min(period.end_us, now_us))
    every = counted(incidents)
    own = [each for each in every if period.start_us <= each.opened_us < period.end_us]
    acknowledged = [each for each in own if each.acknowledged_us]
    resolved = [each for each in own if is_over(each)]
    failures = [each for each in own if each.level in DOWN]
    down_us = total_us(downtime(every, within, now_us))
    up_us = max(0, within.length_us - down_us)
    return Figures(
        incidents=len(own),
        by_level={level: sum(each.level == level for each in own) for level in LEVELS},
        acknowledged=len(acknowledged),
        resolved=len(resolved),
        reopened=sum(each.reopened > 0 for each in own),
        failures=len(failures),
        mtta_seconds=_mean(max(0, each.acknowledged_us - each.opened_us) for each in acknowledged),
        mttr_seconds=_mean(max(0, end_us(each, now_us) - each.started_us) for each in resolved),
        mtbf_seconds=up_us / len(failures) / 1_000_000 if failures else None,
        down_seconds=down_us / 1_000_000,
        availability=up_us / within.length_us if within.length_us else None,
    )


def downtime(incidents: Iterable[Incident], within: Span, now_us: int) -> list[Span]:
    """When a service was down, from the start of the first alert of each failure to its end."""
    failures = (each for each in counted(incidents) if each.level in DOWN)
    return [Span(each.started_us, end_us(each, now_us)).clipped(within) for each in failures]


def is_over(incident: Incident) -> bool:
    return not incident.is_open and bool(incident.resolved_us)


def end_us(incident: Incident, now_us: int) -> int:
    """When it was resolved; now, while it is open."""
    return incident.resolved_us if is_over(incident) else now_us


def by_service(incidents: Iterable[Incident]) -> dict[str, list[Incident]]:
    """In the order of their names; incidents without a service stand under the empty name."""
    found: dict[str, list[Incident]] = {}
    for incident in counted(incidents):
        found.setdefault(incident.service, []).append(incident)
    return dict(sorted(found.items()))


def _mean(spans_us: Iterable[int]) -> float | None:
    found = list(spans_us)
    return sum(found) / len(found) / 1_000_000 if found else None
