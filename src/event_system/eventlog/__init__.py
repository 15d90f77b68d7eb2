"""Event logs: one adapter a folder, all behind `events.ports.EventLog` and `History`.

`sqlite/` is the embedded one. An adapter knows the events room and its own engine; it knows
nothing of delivery, HTTP or the node, and never another adapter.
"""
