"""However many failures there are, a call looks at a bounded number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from event_system.database.failures import LOOKS
from event_system.database.sql.retries import ServerFailures
from event_system.delivery.ports import BLOCKING, DEAD, RETRYING, FailedFilter, Selection
from event_system.sql import migrate
from tests.support.memory_retries import failure
from tests.support.sql import ENGINES, connecting, fresh_database

MANY = 20_000
LISTENERS = 4
STEP = 100
TABLE = ServerFailures()
OFTEN = "m3"
"""A listener with failures of every state: its dead ones lie at three moments."""
NUMBERS = {
    "postgresql": f"generate_series(1, {MANY}) AS s(seq)",
    "mysql": f"seq_1_to_{MANY}",
}
BYTES = {"postgresql": "'\\x00'::bytea", "mysql": "'x'"}


@pytest.fixture(params=ENGINES, scope="module")
def crowded(request: pytest.FixtureRequest) -> Iterator[sa.Connection]:
    """A table of very many failures, most of them dead, a thousandth parked."""
    with fresh_database(request.param, "scale") as dsn:
        migrate.upgrade(dsn)
        with connecting(dsn) as connection:
            of, text = NUMBERS[dsn.dialect], BYTES[dsn.dialect]
            quoted = '"offset"' if dsn.dialect == "postgresql" else "`offset`"
            connection.exec_driver_sql(f"""
                INSERT INTO failures (batched, listener, {quoted}, lane, type, state, attempts,
                    at_us, first_us, last_us, error, traceback)
                SELECT false, concat('m', seq %% {LISTENERS}), seq, 0,
                    CASE WHEN seq %% 5000 = 0 THEN 'rare' ELSE 'player.login' END,
                    CASE WHEN seq %% 1000 = 3 THEN 'retrying' ELSE 'dead' END, 5,
                    seq - seq %% {MANY // 3}, 1, 1, {text}, {text} FROM {of}
            """)
            connection.exec_driver_sql("""
                INSERT INTO failure_counts (batched, listener, state, number)
                SELECT batched, listener, state, count(*) FROM failures GROUP BY 1, 2, 3
            """)
            analyze = (
                "ANALYZE failures" if dsn.dialect == "postgresql" else "ANALYZE TABLE failures"
            )
            connection.exec_driver_sql(analyze)
            yield connection


LAST = MANY - MANY % (MANY // 3)
MIDDLE = (MANY // 3, MANY // 2, OFTEN)
CALLS: dict[str, tuple[Callable[[sa.Connection], Any], int]] = {
    "due": (lambda c: TABLE.due(c, OFTEN, 2 * MANY, STEP), STEP + 1),
    "due of another": (lambda c: TABLE.due(c, "m1", 2 * MANY, STEP), 1),
    "numbers": (TABLE.counts, 30),
    "newest page": (
        lambda c: TABLE.find(c, Selection(), 50, None, newest_first=True),
        LOOKS + 50,
    ),
    "a page that goes on": (
        lambda c: TABLE.find(c, Selection(), 50, MIDDLE, newest_first=True),
        LOOKS + 50,
    ),
    "a page of a listener": (
        lambda c: TABLE.find(c, Selection(listener=OFTEN), 50, MIDDLE, newest_first=False),
        LOOKS + 50,
    ),
    "a page of a rare type": (
        lambda c: TABLE.find(c, Selection(pattern="rare"), 50, None, newest_first=False),
        LOOKS + 50,
    ),
    "a page of what is rare": (
        lambda c: TABLE.find(c, Selection(state=RETRYING), 50, None, newest_first=True),
        LOOKS + 50,
    ),
    "events": (lambda c: TABLE.among(c, range(1, STEP)), STEP),
    "walk": (
        lambda c: TABLE.walk(c, FailedFilter((DEAD,), None, 1), STEP, newest_first=False),
        STEP + 1,
    ),
    "walk over what is rare": (
        lambda c: TABLE.walk(
            c, FailedFilter((RETRYING, BLOCKING), None, MANY), STEP, newest_first=True
        ),
        STEP,
    ),
    "walk of a listener": (
        lambda c: TABLE.walk(c, FailedFilter((DEAD,), OFTEN, MANY // 2), STEP, newest_first=True),
        STEP,
    ),
    "between": (lambda c: TABLE.between(c, OFTEN, 10, MANY, STEP), 2 * STEP + 2),
    "one event": (lambda c: TABLE.of(c, MANY // 2), 1),
    "offsets": (lambda c: TABLE.offsets(c, 50, 50 + STEP), STEP + 1),
    "count": (lambda c: TABLE.count(c, Selection(), STEP, MIDDLE), STEP + 3),
    "requeue": (lambda c: TABLE.requeue(c, Selection(), 9, STEP, MIDDLE), 3 * STEP + 30),
    "requeue of a listener": (
        lambda c: TABLE.requeue(c, Selection(listener=OFTEN), 9, STEP, None),
        3 * STEP + 30,
    ),
    "discard": (lambda c: TABLE.discard(c, Selection(), STEP, MIDDLE), 3 * STEP + 30),
    "rewind": (lambda c: TABLE.rewind(c, 5, STEP, None), 3 * STEP + 30),
    "settle": (
        lambda c: TABLE.settle(
            c, [failure(OFTEN, n) for n in range(3, 400, 4)], [("m1", 1), ("m1", 5)]
        ),
        5 * STEP + 30,
    ),
    "record": (
        lambda c: TABLE.record(c, [failure("new", n) for n in range(1, STEP)]),
        8 * STEP + 30,
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_looks_at_a_bounded_number_of_rows(crowded: sa.Connection, call: str) -> None:
    work, bound = CALLS[call]

    looked_at = MEASURES[crowded.dialect.name](crowded, work)

    assert 0 <= looked_at <= bound


def _by_handlers(connection: sa.Connection, work: Callable[[sa.Connection], Any]) -> int:
    """Rows that MariaDB's storage engine was asked for."""

    def reads() -> int:
        rows = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'")
        return sum(int(n) for name, n in rows if not name.endswith(("_key", "_deleted")))

    connection.exec_driver_sql("BEGIN")
    before = reads()
    reads()
    own = reads() - before
    before = reads()
    work(connection)
    found = reads() - before
    connection.exec_driver_sql("ROLLBACK")
    return found - own // 2


def _by_plans(connection: sa.Connection, work: Callable[[sa.Connection], Any]) -> int:
    """Rows that PostgreSQL's scans came by."""
    found = 0
    explaining = False

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        nonlocal found, explaining
        if explaining or statement.startswith(("BEGIN", "ROLLBACK")):
            return
        explaining = True
        sql = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
        connection.exec_driver_sql("SAVEPOINT explained")
        (plan,) = connection.exec_driver_sql(sql, parameters).scalar_one()
        connection.exec_driver_sql("ROLLBACK TO explained")
        found += _scanned(plan["Plan"])
        explaining = False

    connection.exec_driver_sql("BEGIN")
    sa.event.listen(connection, "before_cursor_execute", explain)
    try:
        work(connection)
    finally:
        sa.event.remove(connection, "before_cursor_execute", explain)
        connection.exec_driver_sql("ROLLBACK")
    return found


def _scanned(plan: dict[str, Any]) -> int:
    """Of the scans of failures in a plan."""
    rows = 0
    if plan.get("Relation Name") == "failures" and "Scan" in plan["Node Type"]:
        removed = plan.get("Rows Removed by Filter", 0) + plan.get(
            "Rows Removed by Index Recheck", 0
        )
        rows = (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    return int(rows) + sum(map(_scanned, plan.get("Plans", [])))


MEASURES = {"postgresql": _by_plans, "mysql": _by_handlers, "mariadb": _by_handlers}
