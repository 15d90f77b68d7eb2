"""How unevenly values are spread over the rows of a group."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.errors import PromqlSyntaxError
from event_system.promql.engine import Limits, Question, at, evaluate
from event_system.promql.ports import Labels
from tests.support.memory_samples import MemorySamples, labels_of

amounts = st.lists(st.floats(0, 1e9, allow_subnormal=False), min_size=1, max_size=30).filter(any)


def votes(values: list[float], proposal: str = "p") -> MemorySamples:
    samples = MemorySamples()
    for voter, value in enumerate(values):
        samples.put(_vote(voter, proposal), [0], [value])
    return samples


def _vote(voter: int, proposal: str) -> Labels:
    return labels_of({"__name__": "votes", "proposal": proposal, "voter": str(voter)})


def one(values: list[float], query: str) -> float:
    (series,) = evaluate(votes(values), Limits(), at(query, 0), lambda: None).series
    assert series.labels == ()
    return float(series.values[0])


@given(amounts)
def test_gini_is_half_the_mean_difference_over_the_mean(values: list[float]) -> None:
    every = np.array(values) / max(values)
    pairs = np.abs(every[:, None] - every[None, :]).mean()

    assert one(values, "gini(votes)") == pytest.approx(pairs / (2 * every.mean()), abs=1e-9)


@given(amounts)
def test_gini_is_from_zero_to_below_one(values: list[float]) -> None:
    assert 0 <= one(values, "gini(votes)") <= 1 - 1 / len(values) + 1e-12


@given(amounts, st.floats(1e-6, 1e6), st.randoms(use_true_random=False))
def test_neither_scale_nor_order_matter(
    values: list[float], factor: float, chance: random.Random
) -> None:
    others = [value * factor for value in values]
    chance.shuffle(others)
    for query in ("gini(votes)", "top_share(3, votes)"):
        assert one(others, query) == pytest.approx(one(values, query), abs=1e-9)


@given(amounts)
def test_the_share_of_the_largest_rises_from_zero_to_one(values: list[float]) -> None:
    shares = [one(values, f"top_share({k}, votes)") for k in range(-1, len(values) + 2)]

    assert shares == sorted(shares)
    assert shares[:2] == [0, 0]
    assert shares[-2:] == [1, 1]
    assert shares[2] == pytest.approx(max(values) / math.fsum(values))


@given(st.integers(1, 30), st.floats(1e-3, 1e300))
def test_equal_parts_are_not_concentrated(count: int, value: float) -> None:
    assert one([value] * count, "gini(votes)") == pytest.approx(0, abs=1e-12)
    assert one([value] * count, "top_share(1, votes)") == pytest.approx(1 / count)


@pytest.mark.parametrize(
    "values", [[0.0, 0.0], [-1.0, 2.0], [math.nan, 1.0], [math.inf, 1.0], [-1.0]]
)
def test_what_cannot_be_shared_out_is_no_number(values: list[float]) -> None:
    assert math.isnan(one(values, "gini(votes)"))
    assert math.isnan(one(values, "top_share(1, votes)"))


def test_no_number_of_largest_has_no_share() -> None:
    assert math.isnan(one([1.0, 2.0], "top_share(NaN, votes)"))
    assert one([1.0, 3.0], "top_share(1.9, votes)") == 0.75
    assert one([1.0, 3.0], "top_share(Inf, votes)") == 1


def test_no_vector_has_no_concentration() -> None:
    for query in ("gini(votes)", "top_share(1, votes, 'proposal')"):
        assert evaluate(MemorySamples(), Limits(), at(query, 0), lambda: None).series == []


def test_labels_after_the_vector_make_groups() -> None:
    samples = votes([1.0, 1.0], "fair")
    samples.put(_vote(1, "bought"), [0], [0.0])
    samples.put(_vote(2, "bought"), [0], [8.0])

    found = evaluate(samples, Limits(), at("gini(votes, 'proposal')", 0), lambda: None)

    assert {series.labels: series.values[0] for series in found.series} == {
        (("proposal", "bought"),): 0.5,
        (("proposal", "fair"),): 0.0,
    }


def test_rows_that_are_not_there_at_a_step_do_not_count() -> None:
    samples = votes([4.0, 4.0])
    samples.put(_vote(9, "p"), [600_000], [4.0])
    question = Question("gini(votes)", 0, 600_000, 300_000)

    (series,) = evaluate(samples, Limits(), question, lambda: None).series

    assert series.values.tolist() == [0, 0, 0]
    assert series.times.tolist() == [0, 300_000, 600_000]


@pytest.mark.parametrize(
    "query", ["gini(votes[5m])", "gini(votes, 1)", "gini(votes, 'a-b')", "top_share(votes)"]
)
def test_wrong_arguments_are_refused(query: str) -> None:
    with pytest.raises(PromqlSyntaxError):
        evaluate(votes([1.0]), Limits(), at(query, 0), lambda: None)
