"""How a sender stands to its limits, as lines of an answer's head.

The fields are `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from event_system.events.limits import Buckets
from event_system.kernel.errors import EventSystemError, PreconditionFailedError, RateLimitedError
from event_system.kernel.quota import Standing

_ROUNDING = 1e-4
"""Of an event or a second: sums of times are not exact, and what is told are whole numbers."""


def error_lines(error: EventSystemError) -> bytes:
    """What the answer to an error says in its head besides what all of its status say."""
    if isinstance(error, PreconditionFailedError) and error.last_offset is not None:
        return b'\r\netag: "%d"' % error.last_offset
    if not isinstance(error, RateLimitedError) or error.standing is None:
        return b""
    wait = max(1, _seconds(error.standing.reset))
    return b"\r\nretry-after: %d%b" % (wait, limit_lines([error.standing]))


def limit_lines(found: Sequence[Standing]) -> bytes:
    """The lines for a sender's places in policies of different names."""
    if not found:
        return b""
    values: list[int] = []
    for _, _, _, left, reset in found:
        values += (int(left + _ROUNDING), _seconds(reset))
    return _pattern([standing[:3] for standing in found]) % tuple(values)


class LimitLines:
    """The lines for senders of single events, each with a bucket of these."""

    def __init__(self, every: Sequence[Buckets]) -> None:
        self._rates = [(buckets.rate.burst, buckets.rate.per_second) for buckets in every]
        self._pattern = _pattern([(b.policy, b.rate.burst, b.rate.span) for b in every])
        self.fresh = self.of([1 / per_second for _, per_second in self._rates])
        """Where all buckets were full before the event."""

    def of(self, waits: Sequence[float]) -> bytes:
        """Where the buckets are full again in so many seconds."""
        values: list[int] = []
        for (burst, per_second), wait in zip(self._rates, waits, strict=True):
            left = burst - wait * per_second
            values += (int(left + _ROUNDING) if left > 0 else 0, math.ceil(wait - _ROUNDING))
        return self._pattern % tuple(values)


def _seconds(exactly: float) -> int:
    return math.ceil(exactly - _ROUNDING)


def _pattern(policies: Sequence[tuple[str, int, float]]) -> bytes:
    """The lines of these policies (name, burst, span), with room for `r` and `t` of each."""
    told = [
        b'"%b";q=%d;w=%d' % (name.encode(), burst, max(1, _seconds(span)))
        for name, burst, span in policies
    ]
    now = [b'"%b";r=%%d;t=%%d' % name.encode() for name, _, _ in policies]
    return b"\r\nratelimit-policy: %b\r\nratelimit: %b" % (b", ".join(told), b", ".join(now))
