"""The reference: what it says of each metric, and what it proposes to watch."""

from __future__ import annotations

import re

import pytest

from event_system.metrics.declaring import RESERVED
from event_system.metrics.reference.page import every_entry, metrics_markdown
from event_system.metrics.reference.watching import WATCHED
from event_system.promql.parsing import parse

SUFFIXES = {
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("", "_sum", "_count"),
    "counter": ("",),
    "gauge": ("",),
}
QUERIES = [query for _, *queries in WATCHED for query in queries]
WORDS = {"sum", "rate", "by", "deriv", "histogram_quantile", "le", "status", "reason"}
WORDS |= {"increase", "level"}


def test_a_metric_stands_there_once_and_whole() -> None:
    entries = every_entry()

    assert len({entry.name for entry in entries}) == len(entries)
    assert [e for e in entries if not (e.meaning and e.source and e.type in SUFFIXES)] == []
    assert [e.name for e in entries if e.name.startswith(RESERVED)] == []


def test_the_page_names_what_is_reserved() -> None:
    page = metrics_markdown()

    assert all(f"`{prefix}`" in page for prefix in RESERVED)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_for_what_there_is(query: str) -> None:
    known = {entry.name + end for entry in every_entry() for end in SUFFIXES[entry.type]}

    parse(query)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b\d[\w.]*", " ", query)

    assert set(re.findall(r"[a-z_][a-z0-9_]*", bare)) - WORDS <= known
