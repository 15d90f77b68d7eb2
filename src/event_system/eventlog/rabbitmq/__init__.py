"""A RabbitMQ stream as the stream of `eventlog/backbone`.

A commit is one record; brokers put records into one order, and which of them count is judged by
whoever reads them (`counting.py`). `stream.py` is the entry point. It knows nothing of tables,
delivery, HTTP or the node.
"""
