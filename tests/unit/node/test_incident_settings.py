"""What may be said about objectives of incidents."""

from __future__ import annotations

from typing import Any

import pytest

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
