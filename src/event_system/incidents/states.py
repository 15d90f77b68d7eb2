"""What may be done to an incident in which state: one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from event_system.incidents.incident import OPEN, UNANSWERED, State
from event_system.kernel.errors import IncidentTransitionError

Action: TypeAlias = Literal[
    "classify",
    "notify",
    "acknowledge",
    "analyse",
    "mitigate",
    "update",
    "assign",
    "reclassify",
    "snooze",
    "merge",
    "split",
    "resolve",
    "tell_recovery",
    "reopen",
    "close",
]

_ENDED: Final[tuple[State, ...]] = ("resolved", "recovered")
_ANSWERED: Final = tuple(sorted(OPEN - UNANSWERED))
_STAYS: Final[tuple[Action, ...]] = ("update", "assign", "reclassify", "snooze", "split")


def _table() -> dict[tuple[State, Action], State]:
    table: dict[tuple[State, Action], State] = {
        ("triggered", "classify"): "classified",
        ("classified", "notify"): "notified",
        ("acknowledged", "analyse"): "analysed",
        ("analysed", "analyse"): "analysed",
        ("mitigated", "analyse"): "mitigated",
        ("acknowledged", "mitigate"): "mitigated",
        ("analysed", "mitigate"): "mitigated",
        ("mitigated", "mitigate"): "mitigated",
        ("resolved", "tell_recovery"): "recovered",
        ("recovered", "close"): "closed",
    }
    table |= {(state, action): state for state in OPEN for action in _STAYS}
    table |= {(state, "update"): state for state in _ENDED}
    table |= {(state, "acknowledge"): "acknowledged" for state in UNANSWERED}
    table |= {(state, "acknowledge"): state for state in _ANSWERED}
    table |= {(state, "merge"): "merged" for state in OPEN}
    table |= {(state, "resolve"): "resolved" for state in OPEN}
    table |= {(state, "reopen"): "classified" for state in _ENDED}
    return table


TRANSITIONS: Final[Mapping[tuple[State, Action], State]] = _table()
"""The state after an action; what is not here is refused."""


def after(state: State, action: Action, incident: str) -> State:
    """Raises `IncidentTransitionError` where the action does not fit the state."""
    found = TRANSITIONS.get((state, action))
    if found is None:
        fit = sorted(name for before, name in TRANSITIONS if before == state)
        raise IncidentTransitionError(
            f"{incident} is {state}: it cannot {action}; what can be done is "
            f"{', '.join(fit) or 'nothing'}",
            where="state",
        )
    return found
