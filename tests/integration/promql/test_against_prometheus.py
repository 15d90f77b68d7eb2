"""Our answers and those of a real Prometheus over the same samples are the same."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_system.promql.engine import Engine, Limits, Question
from event_system.promql.parsing import pretty
from tests.support.memory_samples import MemorySamples
from tests.support.prometheus import Prometheus, prometheus_over
from tests.support.promql_comparison import difference, outcome
from tests.support.promql_data import MINUTES, START, world
from tests.support.promql_queries import (
    AGGREGATIONS,
    ARITHMETIC,
    COMPARISONS,
    ELEMENTWISE,
    ORDERED,
    OVER_TIME,
    QUERIES,
    RATES,
)

pytestmark = pytest.mark.service("prometheus")
MOMENT = START + 47 * 60_000 + 7_123
END = START + MINUTES * 60_000


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    with prometheus_over(world()) as server:
        yield server


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(MemorySamples(world()), Limits(), time.monotonic)
    yield engine
    engine.close()


def at_once(engine: Engine, prometheus: Prometheus, query: str, moment: int) -> str:
    theirs = prometheus.get("query", query=query, time=moment / 1000)
    ours = outcome(engine, Question(query, moment, moment))
    return difference(ours, theirs, ordered=query in ORDERED)


def over_span(engine: Engine, prometheus: Prometheus, question: Question) -> str:
    query, start, end, step, _ = question
    assert step is not None
    theirs = prometheus.get(
        "query_range", query=query, start=start / 1000, end=end / 1000, step=step / 1000
    )
    return difference(outcome(engine, question), theirs)


@pytest.mark.parametrize("part", range(4))
def test_listed_queries_are_answered_alike(
    part: int, engine: Engine, prometheus: Prometheus
) -> None:
    differing = {}
    for query in QUERIES[part::4]:
        span = Question(query, START - 61_000, END + 300_333, 157_000)
        found = at_once(engine, prometheus, query, MOMENT) or over_span(engine, prometheus, span)
        if found:
            differing[query] = found

    assert differing == {}


def durations(least: int, most: int) -> st.SearchStrategy[str]:
    return st.integers(least, most).map(lambda seconds: f"{seconds}s")


NAMES = ("requests_total", "level", "twin", "turns", "limit", "build_info", "latency_bucket")
LABELS = ("job", "instance", "code", "le", "version")
MATCHERS = (
    *("", "{job='api'}", "{job!='api'}", "{instance=~'a|b'}", "{instance!~'a|old'}"),
    *("{code='200'}", "{code=''}", "{job=~'.+'}"),
)
OFFSETS = st.one_of(
    st.just(""), durations(1, 900).map(lambda text: f" offset {text}"), st.just(" offset -77s")
)
SELECTORS = st.builds("{}{}".format, st.sampled_from(NAMES), st.sampled_from(MATCHERS))
GROUPS = st.lists(st.sampled_from(LABELS), max_size=2, unique=True).map(", ".join)
SUMS = AGGREGATIONS[:-2]
"""Prometheus 2 says of a lone value that is none that it does not vary."""
NUMBERS = st.sampled_from(("0", "1", "-2.5", "0.5", "7", "1e3", "time() / 1e9", "scalar(limit)"))


def windows(vectors: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    plain = st.builds("{}[{}]{}".format, SELECTORS, durations(20, 900), OFFSETS)
    steps = st.one_of(st.just(""), durations(7, 200))
    inner = st.builds("({})[{}:{}]{}".format, vectors, durations(60, 900), steps, OFFSETS)
    return st.one_of(plain, plain, inner)


def grown(vectors: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    over = st.sampled_from((*RATES, *(f"{name}_over_time" for name in OVER_TIME)))
    way = st.sampled_from(("by", "without"))
    both = (*ARITHMETIC, *COMPARISONS, *(f"{operator} bool" for operator in COMPARISONS))
    compared = st.sampled_from(both)
    matched = st.builds(
        "({}) {} {} ({}) ({})".format,
        *(vectors, compared, st.sampled_from(("on", "ignoring")), GROUPS, vectors),
    )
    grouped = st.builds(
        "({}) {} on ({}) {} ({}) ({})".format,
        *(vectors, compared, GROUPS, st.sampled_from(("group_left", "group_right"))),
        *(GROUPS, vectors),
    )
    sets = st.sampled_from(("and", "or", "unless"))
    return st.one_of(
        st.builds("{}({})".format, over, windows(vectors)),
        st.builds("quantile_over_time(0.7, {})".format, windows(vectors)),
        st.builds("{}({})".format, st.sampled_from(ELEMENTWISE), vectors),
        st.builds("{} {} ({}) ({})".format, st.sampled_from(SUMS), way, GROUPS, vectors),
        st.builds("quantile {} ({}) ({}, {})".format, way, GROUPS, NUMBERS, vectors),
        st.builds("({}) {} {}".format, vectors, compared, NUMBERS),
        st.builds("{} {} ({})".format, NUMBERS, compared, vectors),
        st.builds("({}) {} on ({}) ({})".format, vectors, sets, GROUPS, vectors),
        st.builds("absent({})".format, vectors),
        matched,
        grouped,
    )


VECTORS = st.recursive(st.builds("{}{}".format, SELECTORS, OFFSETS), grown, max_leaves=5)
MOMENTS = st.one_of(
    st.integers(START - 400_000, END + 400_000),
    st.integers(0, 170).map(lambda place: START + place * 30_001),
)
GENERATED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@given(query=VECTORS, moment=MOMENTS)
@GENERATED
def test_generated_queries_are_answered_alike(
    query: str, moment: int, engine: Engine, prometheus: Prometheus
) -> None:
    assert (query, at_once(engine, prometheus, query, moment)) == (query, "")


@given(query=VECTORS, start=MOMENTS, steps=st.integers(0, 40), step=st.integers(1, 200))
@GENERATED
def test_generated_queries_over_spans_are_answered_alike(
    query: str, start: int, steps: int, step: int, engine: Engine, prometheus: Prometheus
) -> None:
    question = Question(query, start, start + steps * step * 1000, step * 1000)

    assert (question, over_span(engine, prometheus, question)) == (question, "")


def test_windows_have_the_same_edges(engine: Engine, prometheus: Prometheus) -> None:
    moment = START + 100 * 30_001
    queries = (
        *("count_over_time(limit[30001ms])", "count_over_time(limit[60002ms] offset 30001ms)"),
        *("limit offset 300010ms", "limit[30001ms]", "rate(limit[30001ms])"),
        *("count_over_time(limit[30000ms])", "count_over_time(limit[90003ms:30001ms])"),
    )

    assert [at_once(engine, prometheus, query, moment) for query in queries] == [""] * len(queries)


def test_queries_are_written_alike(prometheus: Prometheus) -> None:
    queries = ("sum by(job)(rate(x[5m]))", "a+on(b)group_left(c)d offset 5m", "x[1h:5m]@5")
    theirs = [prometheus.get("format_query", query=query)["data"] for query in queries]

    assert [pretty(query) for query in queries] == theirs
