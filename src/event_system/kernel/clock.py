"""Time as the product sees it: UTC, integer microseconds inside, RFC 3339 milliseconds outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
FIRST_US = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
LAST_US = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
"""What a datetime in UTC can say; a zone reaches hours beyond."""


class Clock(Protocol):
    """Where time comes from."""

    def now_us(self) -> int:
        """Wall clock, microseconds since 1970-01-01 UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Let it not come. Idempotent."""


class CallLater(Protocol):
    """The event loop's `call_later`, or that of a clock that a test moves."""

    def __call__(self, delay: float, callback: Callable[..., object], /, *args: Any) -> Timer: ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


def first_of(moments: Iterable[int | None]) -> int | None:
    """The earliest of the moments that there are."""
    return min((us for us in moments if us is not None), default=None)


def to_us(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (moment - EPOCH) // _MICROSECOND


def to_datetime(us: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=us)


def rfc3339(us: int) -> str:
    """`2026-11-21T12:00:00.123Z`."""
    second, rest = divmod(us, 1_000_000)
    return f"{_to_the_second(second)}.{rest // 1000:03d}Z"


@lru_cache(maxsize=1024)
def _to_the_second(second: int) -> str:
    """What events of one second share: most that are shown together lie close together."""
    return to_datetime(second * 1_000_000).isoformat()[: len("2026-11-21T12:00:00")]
