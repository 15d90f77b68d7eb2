"""Numbers about the node, cheap to count and exposed to Prometheus.

`MetricsManager` (manager.py) is the entry point; `instruments.py` registers the metrics of the
event core, `system.py` those of the process and machine, `server.py` serves `/metrics`. This
room knows the events room's values; it knows no SQL and no listener.
"""
