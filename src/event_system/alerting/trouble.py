"""What keeps alerting from its work, for whoever asks how the node is: no address, no error's text."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

FAILING_US: Final = 300_000_000
"""How long a channel may fail before it is called a trouble."""
_MOST_NAMED: Final = 5


def trouble_of(*, is_stored: bool, failing: Collection[str]) -> str:
    """In one sentence or two; "" where there is none. `failing` are the channels that do."""
    parts = []
    if not is_stored:
        parts.append("the state of alerts and silences cannot be stored")
    if failing:
        named = ", ".join(sorted(failing)[:_MOST_NAMED])
        more = f" and {len(failing) - _MOST_NAMED} more" if len(failing) > _MOST_NAMED else ""
        parts.append(
            f"{named}{more} fail for over {FAILING_US // 60_000_000} minutes: "
            "`event-system notify log` says why"
        )
    return "; ".join(parts)
