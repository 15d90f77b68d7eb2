"""What the servers around a node say of themselves: databases, Redis, brokers of messages.

One module a kind of server, all in one shape: a `Reader` (ports.py) that asks a server a few
cheap questions and answers with samples. `ServerCollector` (collector.py) is the entry point: it
bounds a look in time and keeps what was found on a `Board` (board.py), where the metrics see it.
A server that is away, slow or of another version costs its own figures and nothing else. The
room knows no settings and nothing of what the node itself keeps on these servers.
"""
