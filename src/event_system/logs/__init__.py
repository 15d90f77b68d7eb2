"""The node's own log: structured lines that never hold the event loop up.

`configure_logging` (configure.py) is the entry point; `context.py` binds a trace to what is
being handled. Built on the standard library's `logging`, so that listeners just use that. This
room knows nothing of events or HTTP.
"""
