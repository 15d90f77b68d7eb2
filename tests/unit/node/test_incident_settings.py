"""What may be said about objectives and response times of incidents."""

from __future__ import annotations

from typing import Any

import pytest

from event_system.incidents.escalation import HOUR_US, MINUTE_US, POLICIES, Span
from event_system.incidents.levels import LEVELS
from event_system.incidents.reports.objectives import Objective
from event_system.kernel.errors import ConfigurationError
from event_system.node.configuration import load_settings
from tests.support.incidents import DAY, Hours


def test_objectives_have_a_window_of_30_days_where_none_is_said() -> None:
    given = {"slos": [{"service": "api", "objective": 0.999}, {**_GOOD, "window": "7d"}]}

    section = load_settings(None, {}, {"incidents": given}).settings.incidents

    assert section.options(Hours(), "http://node.example").objectives == (
        Objective(service="api", objective=0.999, window_us=30 * DAY),
        Objective(service="web", objective=0.99, window_us=7 * DAY),
    )


_GOOD = {"service": "web", "objective": 0.99}


@pytest.mark.parametrize(
    "wrong",
    [
        {"objective": 99.9},
        {"objective": 1},
        {"objective": 0},
        {"service": ""},
        {"window": "1m"},
        {"window": "400d"},
        {"target": 0.9},
    ],
)
def test_an_objective_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    given = {"incidents": {"slos": [{**_GOOD, **wrong}]}}

    with pytest.raises(ConfigurationError, match=rf"incidents\.slos.*{next(iter(wrong))}"):
        load_settings(None, {}, given)


def _responses(given: dict[str, Any]) -> dict[str, Span]:
    settings = load_settings(None, {}, {"incidents": {"response_times": given}}).settings
    policies = settings.incidents.options(Hours(), "").plan.policies
    return {level: policies[level].response for level in LEVELS}


def test_a_level_is_to_be_answered_within_the_time_that_is_given() -> None:
    found = _responses(
        {"P1": {"within": "15m", "outside": "1h"}, "P2": {"within": "1h", "outside": None}}
    )

    assert found == {
        "P0": POLICIES["P0"].response,
        "P1": Span(15 * MINUTE_US, HOUR_US),
        "P2": Span(HOUR_US, None),
        "P3": POLICIES["P3"].response,
    }


def test_the_second_step_of_a_chain_falls_on_the_response_time_that_is_given() -> None:
    given = {"response_times": {"P0": {"within": "2m", "outside": "3m"}}}
    settings = load_settings(None, {}, {"incidents": given}).settings
    plan = settings.incidents.options(Hours(), "").plan

    for hour, minutes in ((1, 3), (12, 2)):
        began_us = hour * HOUR_US
        escalation = plan.after_step(plan.begun("P0", began_us), began_us)
        assert escalation.due_us == began_us + minutes * MINUTE_US


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"P1": {"within": "15m"}}, "outside"),
        ({"P1": {"within": "1s", "outside": "1h"}}, "within"),
        ({"P1": {"within": "15m", "outside": "31d"}}, "outside"),
        ({"P4": {"within": "15m", "outside": "1h"}}, "P4"),
        ({"P1": {"within": "1m", "outside": "1h"}}, "P0 would have more time .* than P1"),
        ({"P1": {"within": "3h", "outside": "4h"}}, "P1 would have more time .* than P2"),
    ],
)
def test_response_times_that_cannot_be_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"incidents\.response_times.*{told}"):
        _responses(wrong)
