from event_system.events.event import Event as Event
from event_system.events.listener import Listener as Listener
from event_system.events.listener import Stop as Stop
from event_system.events.listener import listener as listener
from event_system.events.ports import Receipt as Receipt
from event_system.events.ports import Transaction as Transaction
from event_system.events.retry import Retry as Retry
from event_system.node.embedded import EventSystem as EventSystem

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
