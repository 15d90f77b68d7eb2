"""The node as seen over HTTP: hot routes, application, live feed, problem answers, docs.

`protocol.py` reads requests and lets `ingest.py` answer the hot routes; everything else goes
to the application of `app.py` (`create_app`), whose routes are in `routes/`. `tail.py` feeds
live streams, `problems.py` is the one shape of error answers. This room knows the ports of the
events room; it knows no SQL, no settings and not how a node is put together.
"""
