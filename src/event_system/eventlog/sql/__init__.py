"""The log on PostgreSQL and on MySQL or MariaDB.

`writer.py` has the one task that appends, a group of requests in each commit, and follows what
other nodes append; `commit.py` is one such transaction, `postgresql.py` and `mysql.py` are what
differs between the servers. Offsets are handed out under the lock of the one row of the table
`log`, held until the commit: they have no gaps, and they become visible in their order.
`log.py` is the entry point (`SqlEventLog`), `reader.py` reads, `history.py` answers queries.
"""
