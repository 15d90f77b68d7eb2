from __future__ import annotations

import pytest
from pydantic import ValidationError

from event_system.events.limiter import Limit
from event_system.events.limits import Rate
from event_system.node.limits import limits_of
from event_system.node.settings import LimitsSettings


def test_without_settings_nobody_is_limited() -> None:
    assert not any(limit.limits_any for limit in limits_of(LimitsSettings()))


def test_limits_are_what_the_settings_say() -> None:
    settings = LimitsSettings.model_validate(
        {
            "per_key": {"rate": 0.5},
            "per_source": {"rate": 100, "burst": 500, "overrides": {"/import": {}}},
            "per_type": {"overrides": {"player.>": {"rate": 2.5}, "*": {"rate": 1}}},
        }
    )

    assert limits_of(settings) == (
        Limit("key", Rate(0.5, 1)),
        Limit("source", Rate(100, 500), (("/import", None),)),
        Limit("type", None, (("player.>", Rate(2.5, 3)), ("*", Rate(1, 1)))),
    )


@pytest.mark.parametrize(
    "faulty",
    [
        {"per_key": {"rate": 0}},
        {"per_key": {"burst": 5}},
        {"per_source": {"overrides": {"a": {"burst": 5}}}},
        {"per_type": {"overrides": {"no pattern": {"rate": 1}}}},
        {"per_nothing": {"rate": 1}},
    ],
)
def test_faulty_limits_are_refused(faulty: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LimitsSettings.model_validate(faulty)
