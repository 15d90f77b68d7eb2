"""What may be said about measuring in browsers."""

from __future__ import annotations

import pytest

from event_system.events.limits import Rate
from event_system.kernel.errors import ConfigurationError
from event_system.node.configuration import load_settings


def test_nothing_is_measured_unless_somebody_says_so() -> None:
    assert load_settings(None, {}).settings.rum.intake() is None


def test_settings_become_those_of_the_intake() -> None:
    given = {
        "rum.enabled": True,
        "rum.rate_per_address": 0.1,
        "rum.pages": "/, /shop/{item}",
        "rum.origins": ["https://play.example", "http://127.0.0.1:8000", "*"],
    }

    intake = load_settings(None, {}, given).settings.rum.intake()

    assert intake is not None
    assert intake.pages == ("/", "/shop/{item}")
    assert intake.rate == Rate(200.0, 400)
    assert intake.rate_per_address == Rate(0.1, 1)
    assert "https://play.example" in intake.origins


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("origins", ["play.example"]),
        ("origins", ["https://play.example/"]),
        ("origins", ["https://Play.example"]),
        ("origins", ["ftp://play.example"]),
        ("pages", ["shop"]),
        ("pages", [f"/p{n}" for n in range(101)]),
        ("sample", 0),
        ("sample", 1.1),
        ("rate", 0),
    ],
)
def test_what_cannot_work_is_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"rum.{key}"):
        load_settings(None, {}, {f"rum.{key}": value})
