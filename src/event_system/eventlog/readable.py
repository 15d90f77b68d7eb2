"""Whether a stored schedule can be read, for a verification."""

from __future__ import annotations

from typing import Any

import msgspec

from event_system.consistency.ports import Named
from event_system.scheduling.schedule import decode_stored


def found_schedule(name: str, definition: Any, last_offset: int | None) -> Named:
    """A schedule as it is stored."""
    try:
        decode_stored(definition)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        return Named(name, str(error), last_offset or 0)
    return Named(name, None, last_offset or 0)
