"""The node's own log: structured lines that never hold the event loop up.

`configure_logging` (configure.py) is the entry point; `context.py` binds a trace to what is
being handled. Built on the standard library's `logging`, so that listeners just use that: a
record becomes a `Line` (lines.py) on the thread that logs, and is formatted (formats.py) and
written (writer.py) on another. This room knows nothing of events or HTTP.
"""
