"""A Kafka topic of one partition as the stream in front of the tables.

Kafka appends whatever comes. So each record names the place in the partition that its writer has
seen free, and counts only if it stands there: of several that name one place the first does.
`topic.py` is the entry point, `eventlog/backbone` what it is an adapter for. It knows nothing of
delivery, HTTP or the node.
"""
