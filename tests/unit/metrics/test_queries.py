"""Statements of the database in numbers."""

from __future__ import annotations

import pytest

from event_system.metrics.children import HistogramChild
from event_system.metrics.manager import MetricsManager
from event_system.metrics.queries import BUCKETS, QueryTally, operation_of, watch_queries


@pytest.mark.parametrize(
    ("statement", "operation"),
    [
        ("SELECT 1", "select"),
        ("\n  insert into t", "insert"),
        ("VACUUM", "other"),
        ("", "other"),
        (" " * 50 + "SELECT 1", "other"),
        ("x" * 10_000, "other"),
    ],
)
def test_a_statement_goes_by_its_first_word(statement: str, operation: str) -> None:
    assert operation_of(statement) == operation


def test_commits_and_statements_come_together_under_each_name() -> None:
    manager, tally, commits = MetricsManager(), QueryTally(), HistogramChild(BUCKETS)
    watch_queries(manager, tally, commits, lambda: 4)

    commits.observe(0.002)
    tally.ran("SELECT 1", 0.02)
    tally.ran("select 2", 3)
    tally.failed("SELECT x")

    found = {(name, *(v for _, v in at)): value for (name, at), value in manager.samples()}
    for name in ("database_operations", "db_queries_total"):
        assert (found[name, "append"], found[name, "select"]) == (1, 2)
    assert (found["database_errors", "append"], found["database_errors", "select"]) == (4, 1)
    assert found["db_query_duration_seconds_count", "select"] == 2
    assert found["database_query_time_bucket", "0.025"] == 2
    assert found["database_query_time_count",] == 3
    assert found["database_query_time_sum",] == pytest.approx(3.022)
