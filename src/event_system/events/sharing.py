"""Limits that several nodes share: what one that keeps their buckets has to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from event_system.events.limiter import Want


class Refused(NamedTuple):
    """Which of the wants could not be had, and in how many seconds it can."""

    place: int
    wait: float


Verdict: TypeAlias = "list[float] | Refused | None"
"""The seconds until each bucket is full again, or the one that had not enough.

None where no answer came in time: whether anything was taken is not known then.
"""


class SharedLimits(Protocol):
    """Token buckets that all nodes take from. Loop thread only."""

    @property
    def usable(self) -> bool:
        """Whether they answer. While they do not, a node's own limits count."""

    def ask(self, wants: Sequence[Want], told: Callable[[Verdict], None]) -> None:
        """Take from every bucket, or from none where one has not enough.

        `told` is called once, later, and in bounded time. Those who ask are served in order.
        """
