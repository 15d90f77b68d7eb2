"""What each metric of a node means: the source of docs/metrics.md.

`page.py` puts the sections together; `core.py`, `traffic.py`, `machine.py` and `servers.py` hold
the entries, one line a metric. A metric that a node serves and that is not here, or the other way
round, fails a test. Names, types and labels are those of the text at /metrics.
"""
