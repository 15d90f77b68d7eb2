"""Between moments and what the clocks of a time zone show, exact where these are set."""

from __future__ import annotations

from datetime import datetime, tzinfo

from event_system.kernel.clock import to_datetime, to_us

_SECOND_US = 1_000_000


def wall_time(at_us: int, zone: tzinfo) -> datetime:
    """What the clocks of the zone show at a moment; naive."""
    return to_datetime(at_us).astimezone(zone).replace(tzinfo=None)


def moment_of(wall: datetime, zone: tzinfo) -> int:
    """The first moment at which the clocks of the zone have come to show `wall` or later.

    So a later `wall` never gives an earlier moment: a time that occurs twice is its first
    occurrence, one that is skipped is the moment of the change. `wall` is naive.
    """
    before = to_us(wall.replace(tzinfo=zone, fold=0))
    after = to_us(wall.replace(tzinfo=zone, fold=1))
    if after >= before:
        return before
    return _change(wall, zone, after, before)


def _change(wall: datetime, zone: tzinfo, low_us: int, high_us: int) -> int:
    """The change of the clocks that skips `wall`: after `low_us`, not after `high_us`.

    Zones change at whole seconds.
    """
    low, high = low_us // _SECOND_US, -(-high_us // _SECOND_US)
    while high - low > 1:
        middle = (low + high) // 2
        if wall_time(middle * _SECOND_US, zone) >= wall:
            high = middle
        else:
            low = middle
    return high * _SECOND_US
