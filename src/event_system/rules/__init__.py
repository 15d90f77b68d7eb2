"""Rules: expressions that are evaluated on an interval and whose results are stored as series.

`files.py` reads Prometheus' rule files, `groups.py` runs them on a node, `trial.py` runs them over
the made-up series of a unit test. It must not know where samples are kept (`ports.py` says what it
needs), nor who is told of an alert.
"""
