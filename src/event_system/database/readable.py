"""Whether what is kept as JSON can be read: replays and event types, for a verification."""

from __future__ import annotations

from typing import Any

import msgspec

from event_system.consistency.ports import Named, ReplayFound
from event_system.delivery.replays.replay import from_bytes as replay_from
from event_system.events.catalogue.entry import from_bytes as entry_from

_ODD = (TypeError, ValueError, msgspec.MsgspecError)


def found_replay(id_: int, listener: str, content: Any) -> ReplayFound:
    """A replay as it is stored. One that has ended reaches nowhere any more."""
    try:
        replay = replay_from(content)
    except _ODD as error:
        return ReplayFound(id_, listener, 0, str(error))
    if replay.state != "running":
        return ReplayFound(id_, listener, 0, None)
    reaches = [replay.through, *replay.ends.values(), *replay.cursors.values()]
    return ReplayFound(id_, listener, max(reaches), None)


def found_type(name: str, entry: Any) -> Named:
    """An event type as it is stored."""
    try:
        kept = entry_from(entry)
    except _ODD as error:
        return Named(name, str(error))
    return Named(name, None if kept.name == name else f"the entry is that of {kept.name}")
