"""The state on PostgreSQL, MySQL or MariaDB.

`ServerState` (state.py) is the entry point and implements `delivery.ports.CursorStore`;
`batches.py` has the batch listeners, whose statements `transactions.py` runs and `parameters.py`
translates; `catalogue.py` keeps event types. `access.py` is the one way to the server: whoever
writes shows the fence of its lease in the same transaction.
"""
