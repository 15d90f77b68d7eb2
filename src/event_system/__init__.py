"""An event platform that carries its own operations.

`EventSystem` embeds a node in another program, `listener` declares what handles events,
`Event` is what a listener receives, `Stop` ends the propagation among sync listeners,
`Transaction` is what a batch listener writes with, `Cache` is what an asynchronous one gets that
has a parameter `cache`, `warm_up` declares what fills that at the start, `register_metrics` and
`collector` declare metrics and what measures them. The command `event-system` runs a node.
Names load on first use, so that a command that needs little starts fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Cache": "event_system.cache.cache",
    "Event": "event_system.events.event",
    "EventSystem": "event_system.node.embedded",
    "MetricsCollector": "event_system.metrics.collector",
    "MetricsManager": "event_system.metrics.manager",
    "Listener": "event_system.events.listener",
    "Receipt": "event_system.events.ports",
    "Retry": "event_system.events.retry",
    "Stop": "event_system.events.listener",
    "Transaction": "event_system.events.ports",
    "collector": "event_system.metrics.declaring",
    "listener": "event_system.events.listener",
    "register_metrics": "event_system.metrics.declaring",
    "warm_up": "event_system.cache.warming",
}

__all__ = [
    "Cache",
    "Event",
    "EventSystem",
    "Listener",
    "MetricsCollector",
    "MetricsManager",
    "Receipt",
    "Retry",
    "Stop",
    "Transaction",
    "collector",
    "listener",
    "register_metrics",
    "warm_up",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
