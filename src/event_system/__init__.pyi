from event_system.cache.cache import Cache as Cache
from event_system.cache.warming import warm_up as warm_up
from event_system.events.event import Event as Event
from event_system.events.listener import Listener as Listener
from event_system.events.listener import Stop as Stop
from event_system.events.listener import listener as listener
from event_system.events.ports import Receipt as Receipt
from event_system.events.ports import Transaction as Transaction
from event_system.events.retry import Retry as Retry
from event_system.metrics.collector import MetricsCollector as MetricsCollector
from event_system.metrics.declaring import collector as collector
from event_system.metrics.declaring import register_metrics as register_metrics
from event_system.metrics.manager import MetricsManager as MetricsManager
from event_system.node.embedded import EventSystem as EventSystem

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
