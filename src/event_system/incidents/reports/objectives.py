"""Service level objectives: what is left of an error budget, and how fast it burns. Pure.

Terms and thresholds are those of Google's *Site Reliability Workbook*, chapters 2 (implementing
SLOs) and 5 (alerting on SLOs, table 5-8: multiwindow, multi-burn-rate).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple

import msgspec

from event_system.incidents.incident import Incident
from event_system.incidents.reports.measures import by_service, downtime
from event_system.kernel.spans import Span, total_us

HOUR_US: Final = 3_600_000_000
MINUTE_US: Final = 60_000_000


class BurnWindow(NamedTuple):
    """Both windows have to burn faster than the share of the budget in the long one allows.

    `budget` is the part of the whole budget that is gone after the long window at this rate; the
    short one says that it still burns.
    """

    long_us: int
    short_us: int
    budget: float
    urgency: Literal["page", "ticket"]

    def threshold(self, window_us: int) -> float:
        """The burn rate: 14.4 for 2 % in an hour of 30 days."""
        return self.budget * window_us / self.long_us


BURN_WINDOWS: Final = (
    BurnWindow(HOUR_US, 5 * MINUTE_US, 0.02, "page"),
    BurnWindow(6 * HOUR_US, 30 * MINUTE_US, 0.05, "page"),
    BurnWindow(3 * 24 * HOUR_US, 6 * HOUR_US, 0.10, "ticket"),
)

ErrorRate = Callable[[Span], float | None]
"""The share of a span that was bad, from 0 to 1; None where nothing is known of it."""


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """`objective` is the share that is to be good, such as 0.999, over `window_us` up to now."""

    service: str
    objective: float
    window_us: int

    @property
    def allowed(self) -> float:
        """The share that may be bad: the error budget."""
        return 1 - self.objective


class Burn(msgspec.Struct, frozen=True, kw_only=True):
    """How fast the budget burns in a pair of windows, in multiples of what just uses it up."""

    long_seconds: int
    short_seconds: int
    threshold: float
    long_rate: float | None
    short_rate: float | None
    urgency: Literal["page", "ticket"]

    @property
    def fires(self) -> bool:
        return all(
            rate is not None and rate > self.threshold for rate in (self.long_rate, self.short_rate)
        )


class ObjectiveState(msgspec.Struct, frozen=True, kw_only=True):
    """How an objective stands.

    `reached` is the share that was good. `budget_left` is 1 while nothing is used up, 0 when all
    of it is, and negative beyond; `budget_left_seconds` the same as time of the window.
    """

    service: str
    objective: float
    window_seconds: int
    reached: float | None
    budget_left: float | None
    budget_left_seconds: float | None
    burns: tuple[Burn, ...]

    @property
    def is_met(self) -> bool | None:
        return None if self.budget_left is None else self.budget_left >= 0


def state_of(objective: Objective, rate: ErrorRate, now_us: int) -> ObjectiveState:
    """How an objective stands now."""
    bad = rate(Span(now_us - objective.window_us, now_us))
    left = None if bad is None else 1 - bad / objective.allowed
    seconds = objective.window_us / 1_000_000
    return ObjectiveState(
        service=objective.service,
        objective=objective.objective,
        window_seconds=round(seconds),
        reached=None if bad is None else 1 - bad,
        budget_left=left,
        budget_left_seconds=None if left is None else left * objective.allowed * seconds,
        burns=tuple(_burn(objective, window, rate, now_us) for window in BURN_WINDOWS),
    )


def states_of(
    objectives: Iterable[Objective], incidents: Iterable[Incident], at_us: int, now_us: int
) -> list[ObjectiveState]:
    """How objectives stood at a moment, by the incidents of their services."""
    services = by_service(incidents)
    return [
        state_of(each, incident_time(services.get(each.service, ()), now_us), at_us)
        for each in objectives
    ]


def _burn(objective: Objective, window: BurnWindow, rate: ErrorRate, now_us: int) -> Burn:
    def over(span_us: int) -> float | None:
        bad = rate(Span(now_us - span_us, now_us))
        return None if bad is None else bad / objective.allowed

    return Burn(
        long_seconds=window.long_us // 1_000_000,
        short_seconds=window.short_us // 1_000_000,
        threshold=window.threshold(objective.window_us),
        long_rate=over(window.long_us),
        short_rate=over(window.short_us),
        urgency=window.urgency,
    )


def incident_time(incidents: Iterable[Incident], now_us: int) -> ErrorRate:
    """The share of a span in which a service was down, as its incidents have it.

    Of a span that is not over nothing is known.
    """
    kept = list(incidents)

    def rate(span: Span) -> float | None:
        if not span.length_us or span.end_us > now_us:
            return None
        return total_us(downtime(kept, span, now_us)) / span.length_us

    return rate
