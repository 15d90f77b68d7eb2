"""What queries come to, worked out by hand, where a real Prometheus cannot be asked."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.kernel.errors import PromqlError, PromqlSyntaxError, TooManySamplesError
from event_system.promql.engine import Answer, Limits, Question, at, evaluate
from event_system.promql.evaluator import Rules
from event_system.promql.lexing import MOST_OPERATORS
from event_system.promql.numbers import answered, number_of, plain
from event_system.promql.parsing import parse
from event_system.promql.ports import STALE
from event_system.promql.syntax import Binary, Negation
from tests.support.memory_samples import MemorySamples, labels_of

X = labels_of({"__name__": "x", "a": "1"})


def world(*values: float, step_ms: int = 10_000) -> MemorySamples:
    samples = MemorySamples()
    samples.put(X, [place * step_ms for place in range(len(values))], list(values))
    return samples


def ask(samples: MemorySamples, query: str, seconds: float, rules: Rules | None = None) -> Answer:
    limits = Limits(rules=rules or Rules())
    return evaluate(samples, limits, at(query, round(seconds * 1000)), lambda: None)


def values(answer: Answer) -> list[float]:
    return [float(series.values[-1]) for series in answer.series]


def test_a_stale_mark_ends_a_series_at_once_and_is_no_sample_of_a_window() -> None:
    samples = world(1.0, 2.0, float(STALE), 4.0)

    assert values(ask(samples, "x", 15)) == [2.0]
    assert ask(samples, "x", 25).series == []
    assert values(ask(samples, "x", 30)) == [4.0]
    assert values(ask(samples, "sum_over_time(x[1m])", 30)) == [7.0]


def test_another_nan_is_a_value() -> None:
    samples = world(1.0, float("nan"))

    assert np.isnan(values(ask(samples, "x", 10))).all()
    assert values(ask(samples, "count_over_time(x[1m])", 10)) == [2.0]


@pytest.mark.parametrize(("closed", "count", "still"), [(True, 3.0, 1), (False, 2.0, 0)])
def test_whether_windows_have_their_earlier_edge_is_one_choice(
    closed: bool, count: float, still: int
) -> None:
    samples, rules = world(1.0, 2.0, 3.0), Rules(closed=closed)

    assert values(ask(samples, "count_over_time(x[20s])", 20, rules)) == [count]
    assert len(ask(samples, "x", 320, rules).series) == still


def test_a_counter_that_began_anew_goes_on_from_what_it_had() -> None:
    assert values(ask(world(0.0, 50.0, 10.0, 30.0), "increase(x[30s])", 30)) == [80.0]
    assert values(ask(world(0.0, 50.0, 10.0, 30.0), "delta(x[30s])", 30)) == [30.0]


def test_a_rate_needs_two_samples() -> None:
    assert ask(world(1.0), "rate(x[1m])", 0).series == []
    assert values(ask(world(0.0, 10.0), "rate(x[10s])", 10)) == [1.0]


def test_a_row_comes_at_the_steps_where_it_is_and_not_at_others() -> None:
    question = Question("x > 1", 0, 40_000, 10_000)

    answer = evaluate(world(1.0, 2.0, 0.0, 5.0, 1.0), Limits(), question, lambda: None)

    assert answer.series[0].times.tolist() == [10_000, 30_000]
    assert answer.series[0].values.tolist() == [2.0, 5.0]


@pytest.mark.parametrize(
    "query",
    [
        *("x", "rate(x[5m])", "x[5m]", "x[5m:1s]", "quantile_over_time(0.5, x[5m])"),
        *("max_over_time(x[100y:1ms])", "x * on () group_left () x"),
    ],
)
def test_a_query_over_the_limit_of_samples_is_refused(query: str) -> None:
    rules = Rules(max_samples=10, max_values=10)

    with pytest.raises(TooManySamplesError, match=r"promql\.max_(samples|values)"):
        ask(world(*map(float, range(100))), query, 990, rules)


@pytest.mark.parametrize(
    "query", ["vector(1)", "vector(time())", "vector(1 + 1)", "abs(x)", "rate(x[20s] @ 20)"]
)
def test_what_all_parts_of_a_query_hold_at_once_is_limited(query: str) -> None:
    """Operators to the right keep all their left sides; those to the left only the last one."""
    rules, samples = Rules(max_values=1000), world(*map(float, range(100)))
    many = [query] * 15

    assert len(ask(samples, f"sum_over_time(({' + '.join(many)})[99s:1s])", 300, rules).series) == 1
    with pytest.raises(TooManySamplesError, match=r"promql\.max_values"):
        ask(samples, f"sum_over_time(({' + ('.join(many)}{')' * 14})[99s:1s])", 300, rules)


def test_count_values_is_refused_before_its_rows_are_made() -> None:
    """2,000 steps make 2,000 rows: 4 million values, 64 MB in all."""
    question = Question('count_values("v", vector(time()))', 0, 1_999_000, 1000)

    tracemalloc.start()
    with pytest.raises(TooManySamplesError, match=r"promql\.max_values"):
        evaluate(world(1.0), Limits(rules=Rules(max_values=50_000)), question, lambda: None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 30_000_000


def test_pairs_of_rows_that_are_never_there_at_once_take_little_memory() -> None:
    samples, question = MemorySamples(), Question("x * on () y", 0, 400_000, 400_000)
    for place in range(400):
        samples.put(labels_of({"__name__": "x", "a": str(place)}), [0], [1.0])
        samples.put(labels_of({"__name__": "y", "a": str(place)}), [400_000], [1.0])

    tracemalloc.start()
    answer = evaluate(samples, Limits(), question, lambda: None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert answer.series == []
    assert peak < 40 * 400 * 400
    with pytest.raises(TooManySamplesError, match=r"promql\.max_values"):
        evaluate(samples, Limits(rules=Rules(max_values=100_000)), question, lambda: None)


def test_numbers_that_are_held_count_as_well() -> None:
    deep = "1 + (" * 15 + "1" + ")" * 15

    with pytest.raises(TooManySamplesError, match=r"promql\.max_values"):
        ask(world(1.0), f"sum_over_time(vector({deep})[99s:1s])", 0, Rules(max_values=1000))


@pytest.mark.parametrize(
    "query",
    [
        *("(" * 5000 + "1" + ")" * 5000, "x" + " + x" * 300, "-" * 1000 + "x", "x" * 70_000),
        *("x @ -1", "x{a='1' or a='2'}", "limitk(1, x)", "x @ 9e99", "\ud800", "1 +", ""),
    ],
)
def test_what_cannot_be_read_is_refused(query: str) -> None:
    with pytest.raises(PromqlSyntaxError):
        parse(query)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_comment_ends_with_its_line_and_hides_nothing_behind_it(end: str) -> None:
    assert values(ask(world(1.0), f"x # - x{end}+ x", 0)) == [2.0]
    with pytest.raises(PromqlSyntaxError, match="operators"):
        parse(f"1 #{end}+" + "(" * 300 + "1" + ")" * 300)


@given(st.text(alphabet="x# \r\n\f\u2028\\'\"`", max_size=6))
@settings(max_examples=400)
def test_nothing_before_a_deep_expression_hides_it_from_the_count(before: str) -> None:
    try:
        tree: object = parse(f"{before} {'-' * 300}x")
    except PromqlSyntaxError:
        return
    depth = 0
    while isinstance(tree, Negation | Binary):
        depth, tree = depth + 1, tree.expression if isinstance(tree, Negation) else tree.right
    assert depth <= MOST_OPERATORS


@pytest.mark.parametrize("query", ["info(x)", "histogram_count(x)", "label_replace(x,'','','','')"])
def test_what_cannot_be_evaluated_is_refused(query: str) -> None:
    with pytest.raises(PromqlError):
        ask(world(1.0), query, 0)


def test_backticks_take_backslashes_as_they_are() -> None:
    query = r'label_replace(x, "d", "$1", "a", `(\d)`)'

    assert ask(world(1.0), query, 0).series[0].labels == (*X, ("d", "1"))


def test_the_deepest_query_is_evaluated() -> None:
    assert values(ask(world(1.0), "x" + " + x" * 240, 0)) == [241.0]
    assert values(ask(world(1.0), "abs(" * 240 + "x" + ")" * 240, 0)) == [1.0]


def test_an_evaluation_can_be_ended() -> None:
    def check() -> None:
        raise PromqlError("enough")

    with pytest.raises(PromqlError, match="enough"):
        evaluate(world(1.0), Limits(), at("x", 0), check)


@given(st.floats())
def test_numbers_are_read_as_they_were_written(value: float) -> None:
    for text in (answered(value), plain(value)):
        read = number_of(text)
        assert read is not None
        assert read == value or (np.isnan(read) and np.isnan(value))
    assert "e" not in plain(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((1.0, "1"), (0.5, "0.5"), (-0.0, "-0"), (1e20, "100000000000000000000")),
        *((1e21, "1e+21"), (1e-6, "0.000001"), (1e-7, "1e-07"), (float("inf"), "+Inf")),
        *((float("-inf"), "-Inf"), (float("nan"), "NaN"), (123456789.125, "123456789.125")),
    ],
)
def test_numbers_are_written_as_prometheus_does(value: float, text: str) -> None:
    assert answered(value) == text


COUNTS = st.lists(st.integers(0, 1000), min_size=2, max_size=60)


@given(COUNTS, st.integers(1, 30))
def test_sums_over_spans_agree_with_those_at_each_moment(counts: list[int], steps: int) -> None:
    samples = world(*map(float, counts))
    end = len(counts) * 10_000
    question = Question("sum(sum_over_time(x[35s]) + changes(x[1m]))", 0, end, end // steps)

    over = evaluate(samples, Limits(), question, lambda: None).series
    single = {
        moment: values(ask(samples, question.query, moment / 1000))
        for moment in range(0, end + 1, end // steps)
    }

    assert over
    found = dict(zip(over[0].times.tolist(), over[0].values.tolist(), strict=True))
    assert found == {moment: row[0] for moment, row in single.items() if row}


@pytest.mark.parametrize(
    "doubled", ['label_join({}, "b", "", "b", "b")', 'label_replace({}, "b", "$1$1", "b", "(.*)")']
)
def test_a_label_cannot_be_doubled_until_the_memory_is_full(doubled: str) -> None:
    query = 'label_replace(vector(1), "b", "0123456789", "", "")'
    for _ in range(20):
        query = doubled.format(query)

    with pytest.raises(PromqlError, match="label b would be over 65,536 characters"):
        ask(MemorySamples(), query, 0)
