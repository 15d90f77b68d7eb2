"""What of all delivery one process has. Values only."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Share(msgspec.Struct, frozen=True):
    """Lanes of all plain async listeners, and what there is of listeners as a whole.

    `listeners` are those of which it has what knows no lanes: the batches, the replays, and the
    retries of what is parked.
    """

    lanes: frozenset[int] = frozenset()
    listeners: frozenset[str] = frozenset()

    def __or__(self, other: Share) -> Share:
        return Share(self.lanes | other.lanes, self.listeners | other.listeners)

    def __sub__(self, other: Share) -> Share:
        return Share(self.lanes - other.lanes, self.listeners - other.listeners)

    def __bool__(self) -> bool:
        return bool(self.lanes or self.listeners)


def share_of(lanes: Iterable[int], listeners: Iterable[str]) -> Share:
    return Share(frozenset(lanes), frozenset(listeners))
