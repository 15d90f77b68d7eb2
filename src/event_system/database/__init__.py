"""The state database: cursors, failed deliveries, and the tables of batch listeners.

`StateDatabase` (state.py) is the entry point and implements `delivery.ports.CursorStore`;
`batches.py` holds one file for each batch listener, `listeners.py` pauses and the purge. All of
it is safe against `kill -9`; it knows SQL and the ports, nothing of HTTP or the node.
"""
