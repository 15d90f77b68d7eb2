"""Event logs: one adapter a folder, all behind `events.ports.EventLog` and `History`.

`sqlite/` is the embedded one, `sql/` the one on a database server. `backbone/` puts a broker's
stream in front of `sql/`; `nats/` is such a stream. What all do alike stands beside them:
`wanted.py` is what a search looks for, `retention.py` which events may go. An adapter knows the
events room and its own engine; it knows nothing of delivery, HTTP or the node.
"""
