"""How soon a process is started again, and whether it falls again and again."""

from __future__ import annotations

STEADY_SECONDS = 10.0
"""A process that was ready for so long does not count as fallen in a row with those before."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
FALLS_OF_A_LOOP = 3
_DOUBLINGS = 10


class Falls:
    """Ends of processes in a row, none of which was ready for long."""

    def __init__(self) -> None:
        self.in_a_row = 0

    def note(self, ready_seconds: float) -> None:
        """A process has ended after it was ready for so long."""
        self.in_a_row = 1 if ready_seconds >= STEADY_SECONDS else self.in_a_row + 1

    @property
    def pause_seconds(self) -> float:
        """Before the next one is started: none after the first fall."""
        if self.in_a_row < 2:
            return 0.0
        doublings = min(self.in_a_row - 2, _DOUBLINGS)
        return float(min(FIRST_PAUSE_SECONDS * 2**doublings, LONGEST_PAUSE_SECONDS))

    def loop(self, ready_seconds: float) -> bool:
        """Whether they fall again and again; the present one has been ready for so long."""
        return self.in_a_row >= FALLS_OF_A_LOOP and ready_seconds < STEADY_SECONDS
