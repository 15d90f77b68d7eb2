"""A database server (PostgreSQL, MySQL or MariaDB) that holds the log and the state.

`database.py` opens it: pools, transactions, what becomes of a driver's errors. `metadata.py` has
the column types, `tables/` what is stored, `migrate.py` brings a server's tables up to date.

What the tables mean is the business of the rooms that own them. Where a node runs embedded
nothing here but `dsn.py` and `extras.py` is imported: the drivers come with `event-system[postgres]`, `[mysql]`.
"""
