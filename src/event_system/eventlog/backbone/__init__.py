"""The log with a broker's stream in front of a database server, whichever broker that is.

An event is durable once the stream has it; its place among the stream's events is its offset. From
there it is taken over into the tables of `eventlog/sql`, which this room builds on: they are what
is searched and read. `log.py` is the entry point, `stream.py` the port behind which the brokers'
adapters stand in rooms of their own. It knows nothing of delivery, HTTP or the node.
"""
