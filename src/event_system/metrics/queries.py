"""What the database is asked for, how long it takes, and what of it fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from event_system.metrics.children import HistogramChild
from event_system.metrics.manager import MetricsManager
from event_system.metrics.series import Labels

APPEND: Final = "append"
BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
VERBS: Final = frozenset(
    {"select", "insert", "update", "delete", "with", "create", "alter", "drop", "call", "set"}
)
"""First words of statements that have a name of their own; the others are `other`."""


class QueryTally:
    """Statements to a database server, from any thread. `slow` counts the slow ones."""

    def __init__(self) -> None:
        self.slow = 0
        self.seconds: dict[str, HistogramChild] = {}
        self.errors: Counter[str] = Counter()

    def ran(self, statement: str, seconds: float) -> None:
        operation = operation_of(statement)
        child = self.seconds.get(operation)
        if child is None:  # `setdefault`: two threads get the same one
            child = self.seconds.setdefault(operation, HistogramChild(BUCKETS))
        child.observe(seconds)

    def failed(self, statement: str) -> None:
        self.errors[operation_of(statement)] += 1

    def was_slow(self, _statement: str, _seconds: float) -> None:
        self.slow += 1


def operation_of(statement: str) -> str:
    """The first word of a statement, in lower case."""
    first = statement[:40].split(None, 1)
    word = first[0].lower() if first else ""
    return word if word in VERBS else "other"


def watch_queries(
    manager: MetricsManager,
    tally: QueryTally,
    commits: HistogramChild,
    refused: Callable[[], float],
) -> None:
    """Register what is read at each scrape. `commits` are those of the log, with `BUCKETS`."""

    def seconds() -> dict[Labels, HistogramChild]:
        known: dict[Labels, HistogramChild] = {(APPEND,): commits}
        known.update({(name,): child for name, child in list(tally.seconds.items())})
        return known

    def numbers() -> dict[Labels, float]:
        return {at: child.count for at, child in seconds().items()}

    def errors() -> dict[Labels, float]:
        return {(APPEND,): refused(), **{(at,): n for at, n in list(tally.errors.items())}}

    for name, exact in (("database_operations", True), ("db_queries_total", False)):
        manager.register_function(
            "counter", name, "Operations of the database.", ("operation",), numbers, exact=exact
        )
    manager.register_function(
        "counter",
        "database_errors",
        "Operations of the database that failed.",
        ("operation",),
        errors,
        exact=True,
    )
    manager.register_distributions(
        "db_query_duration_seconds",
        "Time of an operation of the database.",
        ("operation",),
        seconds,
        buckets=BUCKETS,
    )
    manager.register_distributions(
        "database_query_time",
        "Time of an operation of the database, all together, in seconds.",
        (),
        lambda: {(): added_up(seconds())},
        buckets=BUCKETS,
    )


def added_up(children: Mapping[Labels, HistogramChild]) -> HistogramChild:
    """All of them as one; they have the same buckets."""
    each = list(children.values())
    whole = HistogramChild(each[0].bounds)
    for child in each:
        whole.merge(child)
    return whole
