"""The embedded state: `state.db`, `catalogue.db` and a file for each batch listener.

`StateDatabase` (state.py) is the entry point and implements `delivery.ports.CursorStore`;
`batches.py` holds one file for each batch listener, `listeners.py` pauses and the purge.
"""
