"""How long messages wait in queues, from how many wait and how many were taken.

By Little's law (J. D. C. Little, 1961) the mean wait is the number of those that wait over the rate
at which they are taken. Brokers do not say when their oldest message came, so this is what they
can be asked for; it is exact for a queue in balance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Seen(NamedTuple):
    """A queue at one look: messages taken since it began, when that was, when the last one was.

    Times are monotonic seconds.
    """

    taken: float
    at: float
    moved_at: float


@dataclass(frozen=True, slots=True)
class Level:
    """A queue now: messages that wait, and those that were taken since it began."""

    depth: float
    taken: float


class Flow:
    """Remembers one look at a broker's queues. `look` at all of them at once."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    def look(self, queues: dict[str, Level], now: float) -> dict[str, float]:
        """The estimated wait by queue, in seconds; a queue that is gone is forgotten.

        Where nothing was taken since the last look it is the time since something was. A queue
        that has just come into sight tells nothing yet, unless it is empty.
        """
        waits: dict[str, float] = {}
        seen: dict[str, Seen] = {}
        for name, level in queues.items():
            seen[name], wait = _look(level, self._seen.get(name), now)
            if wait is not None:
                waits[name] = wait
        self._seen = seen
        return waits


def _look(level: Level, before: Seen | None, now: float) -> tuple[Seen, float | None]:
    here = Seen(level.taken, now, now)
    if level.depth <= 0:
        return here, 0.0
    if before is None or level.taken < before.taken:  # the broker has started anew
        return here, None
    taken, seconds = level.taken - before.taken, now - before.at
    if taken > 0 and seconds > 0:
        return here, level.depth * seconds / taken
    return here._replace(moved_at=before.moved_at), now - before.moved_at
