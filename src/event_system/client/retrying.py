"""When a failed request is tried again, and when its error is told."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from event_system.kernel.chance import RandomBytes, fraction
from event_system.kernel.clock import Clock, to_us

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 10.0
LONGEST_ASKED: Final = 60.0
"""What a node, or a proxy before it, may ask for with Retry-After."""

PASSING: Final = frozenset({408, 425, 429, 502, 503, 504})
"""Statuses that say: not now."""
FAULT: Final = 500
FAULT_TRIES: Final = 3
"""A fault of the node may be there for good: it does not hold up what comes after it for long."""

_MOST_DOUBLINGS = 20
_SECONDS = re.compile(r"\d{1,9}")


class Retries:
    """The tries of one request. `pause` is asked after each that failed.

    Pauses grow by 2 up to `LONGEST_PAUSE`, each with full jitter, so that many clients do not
    come back at the same moment.
    """

    def __init__(self, clock: Clock, random_bytes: RandomBytes, retry_for: float) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._retry_for = retry_for
        self.restart()

    def restart(self) -> None:
        """Forget the failed tries: something has come through."""
        self._failed = 0
        self._faults = 0
        self._deadline = self._clock.monotonic() + self._retry_for

    def pause(self, status: int | None = None, retry_after: str | None = None) -> float | None:
        """Seconds until the next try; None where there is to be none.

        `status` is None where no answer came, else its status; `retry_after` is its header.
        """
        if not self._worth(status):
            return None
        asked = asked_seconds(retry_after, self._clock.now_us())
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._failed, _MOST_DOUBLINGS))
        self._failed += 1
        pause = min(asked, LONGEST_ASKED) + longest * fraction(self._random_bytes)
        return pause if self._clock.monotonic() + pause < self._deadline else None

    def _worth(self, status: int | None) -> bool:
        if status == FAULT:
            self._faults += 1
            return self._faults < FAULT_TRIES
        return status is None or status in PASSING


def asked_seconds(retry_after: str | None, now_us: int) -> float:
    """The seconds of a Retry-After header: a number or a date; 0 for what is neither."""
    if retry_after is None:
        return 0.0
    text = retry_after.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    return max(0.0, (to_us(_aware(moment)) - now_us) / 1_000_000)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
