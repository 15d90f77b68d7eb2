"""Transactions that tell why they failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """All that is written within, or nothing. Raises what SQLite raises.

    The connection's own `with` rolls back what SQLite has rolled back by itself, as it does where
    the disk is full, and tells of that in the place of the cause.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
