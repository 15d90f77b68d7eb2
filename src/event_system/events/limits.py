"""Token buckets for very many names in bounded memory.

A bucket is one number: the moment at which it is full again (the generic cell rate algorithm).
One that is full by now is the same as one that was never used, so it need not be kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from event_system.kernel.quota import Standing

MAX_BUCKETS = 65_536
ROUNDING = 1e-6
"""Seconds that sums of times may be off; the last event of a burst must not fail for it."""

Name: TypeAlias = int | str


SLOWEST = 1e-5
"""Events a second that a rate has at least, about one a day: times are told in whole seconds."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` events on average, up to `burst` at once."""

    per_second: float
    burst: int

    @property
    def span(self) -> float:
        """Seconds in which an empty bucket becomes full."""
        return self.burst / self.per_second


class Buckets:
    """The buckets of all names that share a rate. Times are seconds that never go back.

    In any stretch of t seconds a name gets at most `burst + per_second * t` events, or, where
    it hands in more than `burst` at once, once that many. Where there are too many names to
    keep, those that owe least are forgotten, and whoever is not known is taken to owe as much
    as the one that owed most among them: forgetting forgives nothing.
    """

    __slots__ = (
        *("_burst", "_floor", "_full_at", "_limit", "_per_second", "_period", "_span"),
        *("policy", "rate", "room"),
    )

    def __init__(self, rate: Rate, policy: str = "", limit: int = MAX_BUCKETS) -> None:
        self.rate = rate
        self.policy = policy
        self.room = rate.span + ROUNDING
        """How far ahead `after` may lie of now for a single event."""
        self._burst, self._per_second, self._span = rate.burst, rate.per_second, rate.span
        self._period = 1 / rate.per_second
        self._limit = limit
        self._full_at: dict[Name, float] = {}
        self._floor = float("-inf")

    @property
    def kept(self) -> int:
        """Names that are remembered."""
        return len(self._full_at)

    def after(self, name: Name, events: int, now: float) -> float:
        """When the bucket would be full again if it gave so many events now."""
        full_at = self._full_at.get(name, self._floor)
        if full_at < now:  # noqa: PLR1730 - `max` costs as much as all the rest
            full_at = now
        return full_at + events * self._period

    def wait(self, after: float, events: int, now: float) -> float:
        """Seconds until the bucket can give the events of `after`; 0 where it can now.

        More than `burst` at once it gives when it is full, and then owes the rest.
        """
        over = after - now - max(self.rate.span, events * self._period)
        return over if over > ROUNDING else 0.0

    def take(self, name: Name, after: float, now: float) -> None:
        """Give what `after` was asked for."""
        self._full_at[name] = after
        if len(self._full_at) > self._limit:
            self._shrink(now)

    def standing(self, after: float, now: float) -> Standing:
        """How a name stands whose bucket is full again at `after`."""
        wait = after - now
        left = self._burst - wait * self._per_second
        return Standing(self.policy, self._burst, self._span, left if left > 0 else 0.0, wait)

    def _shrink(self, now: float) -> None:
        owing = {name: at for name, at in self._full_at.items() if at > now}
        if len(owing) > self._limit // 2:
            cut = sorted(owing.values())[len(owing) // 2]
            self._floor = max(self._floor, cut)
            owing = {name: at for name, at in owing.items() if at > cut}
        self._full_at = owing


def take_one(shares: Sequence[tuple[Buckets, Name]], now: float) -> list[float] | None:
    """Take an event from each of these buckets, or from none where one has not enough: None.

    What comes back are the seconds until each is full again; nothing where all were full before.
    """
    for buckets, name in shares:
        if buckets._full_at.get(name, buckets._floor) > now:
            return _take_one_of_less(shares, now)
    for buckets, name in shares:
        full_at = buckets._full_at
        full_at[name] = now + buckets._period
        if len(full_at) > buckets._limit:
            buckets._shrink(now)
    return []


def _take_one_of_less(shares: Sequence[tuple[Buckets, Name]], now: float) -> list[float] | None:
    """As `take_one` where some bucket is not full."""
    waits: list[float] = []
    for buckets, name in shares:
        full_in = buckets._full_at.get(name, buckets._floor) - now
        wait = buckets._period + (full_in if full_in > 0 else 0.0)
        if wait > buckets.room:
            return None
        waits.append(wait)
    for wait, (buckets, name) in zip(waits, shares, strict=True):
        buckets.take(name, now + wait, now)
    return waits
