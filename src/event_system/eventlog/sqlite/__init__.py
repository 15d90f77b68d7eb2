"""The embedded log: SQLite files in the data directory.

`events.db` is the log itself: one table, appended by one writer thread (`writer.py`), a group
of requests in each commit, fsynced before anyone is answered. `index.db` is derived from it by
the indexer (`index.py`) in sorted runs, so that neither ingest nor look-ups slow down with the
number of stored events; it can be deleted and is then built again. `log.py` is the entry point
(`SqliteEventLog`), `history.py` answers queries, `dedupe.py` remembers ids.
"""
