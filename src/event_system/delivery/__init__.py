"""Brings stored events to listeners: inline to sync ones, by lane and cursor to async ones.

`Dispatcher` (dispatcher.py) is the entry point: it is shown every commit and feeds one
`Subscription` an async listener (`batches.py` has the transactional kind); `sync.py` runs sync
listeners; `calls.py` calls a handler, timed and isolated. This room knows the events room; it
knows no SQL and no HTTP, and keeps its cursors through `delivery.ports.CursorStore`.
"""
