"""How many players there are just now: those of whom an event came in the last minutes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

MINUTES: Final = 15
MOST: Final = 1_000_000
"""Players that are told apart; more are not counted."""


class Active:
    """Distinct names of the last minutes, one set a minute; a name is in its newest one only."""

    def __init__(self) -> None:
        self._sets: deque[set[int]] = deque([set()], maxlen=MINUTES)
        self._minute: int | None = None

    def see(self, names: Iterable[str]) -> None:
        """Something came of these, now."""
        current = self._sets[-1]
        for name in map(hash, names):
            if name not in current:
                self._move(name, current)

    def _move(self, name: int, current: set[int]) -> None:
        for older in self._sets:
            if name in older:
                older.discard(name)
                break
        else:
            if len(self) >= MOST:
                return
        current.add(name)

    def turn(self, now: float) -> None:
        """Forget who has been away for too long; `now` is monotonic seconds. Once a second or so."""
        minute = int(now // 60)
        if self._minute is not None:
            for _ in range(min(minute - self._minute, MINUTES)):
                self._sets.append(set())
        self._minute = max(minute, self._minute or minute)

    def __len__(self) -> int:
        return sum(map(len, self._sets))
