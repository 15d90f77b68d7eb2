"""Event logs: one adapter a folder, all behind `events.ports.EventLog` and `History`.

`sqlite/` is the embedded one, `sql/` the one on a database server. What both do alike stands
beside them: `wanted.py` is what a search looks for, `retention.py` which events may go. An adapter knows the events room and its own engine; it knows
nothing of delivery, HTTP or the node, and never another adapter.
"""
