"""Shared limits in memory: what nodes share where there is only one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from event_system.events.limiter import Want
from event_system.events.limits import Buckets, Rate
from event_system.events.sharing import Refused, Verdict


class MemoryLimits:
    """Implements `SharedLimits`. `usable` and `answers` are for a test to set."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.usable = True
        self.answers = True
        self.asked = 0
        self._monotonic = monotonic
        self._buckets: dict[tuple[str, Rate], Buckets] = {}

    def ask(self, wants: Sequence[Want], told: Callable[[Verdict], None]) -> None:
        self.asked += 1
        verdict = self._judge(wants, self._monotonic()) if self.answers else None
        asyncio.get_running_loop().call_soon(told, verdict)

    def _judge(self, wants: Sequence[Want], now: float) -> Verdict:
        taken = []
        for place, want in enumerate(wants):
            buckets = self._of(want.buckets)
            after = buckets.after(want.key, want.events, now)
            if wait := buckets.wait(after, want.events, now):
                return Refused(place, wait)
            taken.append(after)
        for want, after in zip(wants, taken, strict=True):
            self._of(want.buckets).take(want.key, after, now)
        return [after - now for after in taken]

    def _of(self, buckets: Buckets) -> Buckets:
        who = buckets.policy, buckets.rate
        return self._buckets.setdefault(who, Buckets(buckets.rate, buckets.policy))
