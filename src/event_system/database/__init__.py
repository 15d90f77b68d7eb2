"""The state: cursors, failed deliveries, replays, pauses, batch listeners and event types.

`sqlite/` keeps it in files of a data directory. `retry_rows.py` shows a table of failures to the
event loop; `board.py` is the file of the events in hand; `records.py` keeps what alerting holds in
memory. All of it is safe against `kill -9`; it knows SQL and the ports, nothing of HTTP or the
node.
"""
