"""Columns of blocks that queries unpacked lately, as the next ones mostly want the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from threading import Lock
from typing import Any, Final

from numpy.typing import NDArray

MOST_BYTES: Final = 16 * 1024 * 1024
LONGEST: Final = 2_000
"""Samples of a column: those of some hours. Days would drive out everything else each time."""


class Unpacked:
    """Arrays by group and column, for several threads; past a size the groups used longest ago go.

    They are for reading alone.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.bytes = 0
        self._most_bytes = most_bytes
        self._groups: OrderedDict[Hashable, dict[int, NDArray[Any]]] = OrderedDict()
        self._lock = Lock()

    def of(self, group: Hashable, samples: int) -> Mapping[int, NDArray[Any]]:
        """What there is of a group whose columns have so many samples."""
        if samples > LONGEST:
            return {}
        with self._lock:
            columns = self._groups.setdefault(group, {})
            self._groups.move_to_end(group)
        return columns

    def keep(self, group: Hashable, column: int, values: NDArray[Any]) -> None:
        """Nothing is kept of a group that was not asked for, or has gone meanwhile."""
        with self._lock:
            columns = self._groups.get(group)
            if columns is None or column in columns:
                return
            values.flags.writeable = False
            columns[column] = values
            self.bytes += values.nbytes
            while self.bytes > self._most_bytes:
                _, gone = self._groups.popitem(last=False)
                self.bytes -= sum(each.nbytes for each in gone.values())
