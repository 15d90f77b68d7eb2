"""What keeps rules from their work, for whoever asks how the node is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from event_system.rules.group_run import GroupRun

FAILING_MS: Final = 300_000
"""How long a rule may fail before it is called a trouble."""
_MOST_NAMED: Final = 5
STORAGE: Final = "storage"
TELLING: Final = "telling"
_TOLD: Final = {
    STORAGE: "the state of alerts of rules cannot be stored",
    TELLING: "alerts of rules cannot be told",
}


def trouble_of(runs: Sequence[GroupRun], complaints: Collection[str], now_ms: int) -> str:
    """In a sentence for each; "" where there is none."""
    parts = [text for name, text in _TOLD.items() if name in complaints]
    late = [run.state.group.name for run in runs if run.is_late(now_ms)]
    failing = [
        run.state.group.rules[number].name
        for run in runs
        for number, since_ms in run.failing.items()
        if since_ms <= now_ms - FAILING_MS
    ]
    if late:
        parts.append(f"groups are evaluated late: {_named(late)}")
    if failing:
        parts.append(f"rules fail for over {FAILING_MS // 60_000} minutes: {_named(failing)}")
    return "; ".join(parts)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
