"""An event platform that carries its own operations.

`EventSystem` embeds a node in another program, `listener` declares what handles events,
`Event` is what a listener receives, `Stop` ends the propagation among sync listeners,
`Transaction` is what a batch listener writes with. The command `event-system` runs a node.
Names load on first use, so that a command that needs little starts fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Event": "event_system.events.event",
    "EventSystem": "event_system.node.embedded",
    "Listener": "event_system.events.listener",
    "Receipt": "event_system.events.ports",
    "Retry": "event_system.events.retry",
    "Stop": "event_system.events.listener",
    "Transaction": "event_system.events.ports",
    "listener": "event_system.events.listener",
}

__all__ = [
    "Event",
    "EventSystem",
    "Listener",
    "Receipt",
    "Retry",
    "Stop",
    "Transaction",
    "listener",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
