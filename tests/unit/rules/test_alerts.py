"""The step of alerting rules, beside a model that knows the whole past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.errors import RuleFailedError
from event_system.promql.engine import Answer
from event_system.promql.ports import Labels, Samples, Series
from event_system.rules.alerts import RESOLVED_KEPT_MS, Alert, advanced
from event_system.rules.model import AlertingRule

START_MS = 1_000_000_000
ROWS: list[Labels] = [(("row", name),) for name in "abc"]
Step = tuple[int, frozenset[int]]
"""Milliseconds since the evaluation before, and the rows that are there."""


def texts(row: Labels, value: float) -> tuple[Labels, Labels]:
    return row, (("value", str(value)),)


def answer(rows: Mapping[Labels, float]) -> Answer:
    series = [Series(r, np.array([0]), np.array([value])) for r, value in rows.items()]
    return Answer("vector", Samples.of(series))


def run(rule: AlertingRule, steps: Sequence[Step]) -> list[dict[Labels, Alert]]:
    """The alerts after each step; a row's value is the number of the step."""
    now_ms, found = START_MS, []
    alerts: dict[Labels, Alert] = {}
    for number, (wait_ms, there) in enumerate(steps):
        now_ms += wait_ms
        rows = {ROWS[row]: float(number) for row in there}
        alerts = advanced(rule, texts, alerts, answer(rows), now_ms)
        found.append(alerts)
    return found


def model(rule: AlertingRule, past: Sequence[tuple[int, bool]]) -> str | None:
    """What an alert is after its past: moments, and whether its row was there.

    Looks from the end back: at how long the row has been there or gone, and at what was before.
    """
    if not past:
        return None
    *before, (now_ms, there) = past
    was = model(rule, before)
    kind, *moments = (was or "none").split()
    if there:
        return _model_there(rule, kind, moments, now_ms)
    if kind == "resolved":
        return was if now_ms - int(moments[0]) <= RESOLVED_KEPT_MS else None
    if kind != "firing":
        return None
    gone_ms = now_ms if moments[1] == "None" else int(moments[1])
    over = now_ms - gone_ms >= rule.keep_firing_ms
    return f"resolved {now_ms}" if over else f"firing {moments[0]} {gone_ms}"


def _model_there(rule: AlertingRule, kind: str, moments: list[str], now_ms: int) -> str:
    if kind == "firing":
        return f"firing {moments[0]} None"
    since_ms = int(moments[0]) if kind == "pending" else now_ms
    fires = now_ms - since_ms >= rule.for_ms
    return f"firing {now_ms} None" if fires else f"pending {since_ms}"


def shown(alert: Alert | None) -> str | None:
    if alert is None:
        return None
    return {
        "pending": f"pending {alert.active_ms}",
        "firing": f"firing {alert.fired_ms} {alert.held_ms}",
        "resolved": f"resolved {alert.resolved_ms}",
    }[alert.state]


STEPS = st.lists(
    st.tuples(
        st.sampled_from([1, 15_000, 60_000, 300_000, RESOLVED_KEPT_MS, RESOLVED_KEPT_MS + 1]),
        st.frozensets(st.integers(0, 2)),
    ),
    max_size=30,
)
SPANS = st.sampled_from([0, 1, 30_000, 60_000, 600_000])


@given(SPANS, SPANS, STEPS)
def test_every_alert_is_what_its_own_past_makes_it(
    for_ms: int, keep_ms: int, steps: list[Step]
) -> None:
    rule = AlertingRule("A", "x", for_ms=for_ms, keep_firing_ms=keep_ms)
    after = run(rule, steps)
    now_ms = START_MS
    past: list[list[tuple[int, bool]]] = [[] for _ in ROWS]
    for (wait_ms, there), alerts in zip(steps, after, strict=True):
        now_ms += wait_ms
        for row, labels in enumerate(ROWS):
            past[row].append((now_ms, row in there))
            assert shown(alerts.get(labels)) == model(rule, past[row])


@given(SPANS, SPANS, STEPS)
def test_the_newest_value_and_texts_are_those_of_the_last_row(
    for_ms: int, keep_ms: int, steps: list[Step]
) -> None:
    rule = AlertingRule("A", "x", for_ms=for_ms, keep_firing_ms=keep_ms)
    after = run(rule, steps)
    last: dict[Labels, float] = {}
    for number, ((_, there), alerts) in enumerate(zip(steps, after, strict=True)):
        last |= {ROWS[row]: float(number) for row in there}
        for labels, alert in alerts.items():
            assert alert.value == last[labels]
            assert alert.annotations == (("value", str(last[labels])),)


@given(
    SPANS,
    SPANS,
    st.lists(st.tuples(st.integers(-(10**7), 10**7), st.frozensets(st.integers(0, 2)))),
)
def test_no_clock_brings_a_moment_into_the_future_or_an_end_without_a_beginning(
    for_ms: int, keep_ms: int, steps: list[Step]
) -> None:
    rule = AlertingRule("A", "x", for_ms=for_ms, keep_firing_ms=keep_ms)
    now_ms = START_MS
    alerts: dict[Labels, Alert] = {}
    for number, (wait_ms, there) in enumerate(steps):
        now_ms += wait_ms
        rows = {ROWS[row]: float(number) for row in there}
        alerts = advanced(rule, texts, alerts, answer(rows), now_ms)
        for labels, alert in alerts.items():
            there_now = labels in rows
            assert alert.state == "resolved" or there_now or alert.held_ms is not None
            assert (alert.fired_ms is None) is (alert.state == "pending")
            if there_now:
                assert max(alert.active_ms, alert.fired_ms or 0) <= now_ms
            assert (alert.held_ms or 0) <= now_ms
            assert (alert.resolved_ms or 0) <= now_ms


def test_a_clock_that_is_set_back_makes_for_begin_anew_and_no_longer() -> None:
    rule = AlertingRule("A", "x", for_ms=60_000)
    (pending,) = run(rule, [(0, frozenset({0}))])

    back_ms = START_MS - 3_600_000
    there = answer({ROWS[0]: 1.0})
    after = advanced(rule, texts, pending, there, back_ms)
    assert after[ROWS[0]].state == "pending"
    assert advanced(rule, texts, after, there, back_ms + 60_000)[ROWS[0]].state == "firing"


def test_rows_that_become_one_alert_fail_the_rule() -> None:
    rule = AlertingRule("A", "x")
    rows = answer({ROWS[0]: 1.0, ROWS[1]: 2.0})

    with pytest.raises(RuleFailedError, match="same labelset"):
        advanced(rule, lambda _row, _value: ((), ()), {}, rows, START_MS)


@pytest.mark.parametrize("keep_ms", [0, 60_000])
def test_an_alert_that_is_spared_stays_what_it_is(keep_ms: int) -> None:
    rule = AlertingRule("A", "x", keep_firing_ms=keep_ms)
    (firing,) = run(rule, [(0, frozenset({0}))])

    assert advanced(rule, texts, firing, answer({}), START_MS + 10**9, spares=True) == firing
    assert advanced(rule, texts, firing, answer({}), START_MS + 10**9) != firing
