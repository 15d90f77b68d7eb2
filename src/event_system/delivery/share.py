"""What of all delivery one process has. Values only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec


class Share(msgspec.Struct, frozen=True):
    """Lanes of plain async listeners, by their names, and what there is of listeners as a whole.

    `listeners` are those of which it has what knows no lanes: the batches, the replays, and the
    retries of what is parked.
    """

    lanes: Mapping[str, Collection[int]] = {}
    listeners: frozenset[str] = frozenset()


NOTHING = Share()


def share_of(names: Iterable[str], lanes: Collection[int], listeners: Iterable[str] = ()) -> Share:
    """The same lanes of each of these plain listeners, and these listeners as a whole."""
    return Share(dict.fromkeys(names, lanes), frozenset(listeners))
