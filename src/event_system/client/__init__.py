"""The asynchronous client of a node: trigger events, send many, read and follow them.

`EventClient` (`client.py`) is the entry point. Every event has its id before it is first sent,
so all that got no answer is sent again without being stored twice. The client speaks HTTP with
a node and knows nothing of what is behind it; of the product it shares the errors.
"""

from event_system.client.answers import BatchReceipt, Fault, Receipt
from event_system.client.client import EventClient
from event_system.client.options import ClientOptions
from event_system.client.reading import Gap

__all__ = ["BatchReceipt", "ClientOptions", "EventClient", "Fault", "Gap", "Receipt"]
