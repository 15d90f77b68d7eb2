"""NATS JetStream as the stream of `eventlog/backbone`.

An event is a message whose sequence is its offset; a commit is an atomic batch that says what it
follows. `stream.py` is the entry point. It knows nothing of tables, delivery, HTTP or the node.
"""
