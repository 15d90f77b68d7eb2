"""CEL filters."""

import pytest

from event_system.events.conditions import compile_condition
from event_system.events.event import Event
from event_system.kernel.errors import InvalidFilterError


def event(raw: bytes | None = b'{"level": 12, "tags": ["a", "b"]}') -> Event:
    return Event(1, 0, "player.level_up", "game", "1", "p1", 0, 0, None, None, None, raw)


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("event.data.level >= 10", True),
        ("event.data.level > 12", False),
        ("event.type == 'player.level_up' && event.subject == 'p1'", True),
        ("event.data.tags.exists(t, t == 'b')", True),
        ("event.data.missing == 1", False),
        ("event.data.level == 'twelve'", False),
        ("has(event.data.level)", True),
    ],
)
def test_a_condition_is_true_only_where_it_holds(expression: str, holds: bool) -> None:
    assert compile_condition(expression)(event()) is holds


def test_an_event_without_data_matches_nothing_about_data() -> None:
    assert compile_condition("event.data.level >= 10")(event(None)) is False


DEEP = b"[" * 5_000 + b"]" * 5_000


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"level": "\\ud800"}', id="half of a surrogate pair"),
        pytest.param(b'{"level": 1e999}', id="a number beyond a float"),
        pytest.param(b'{"level": ' + b"9" * 400 + b"}", id="an integer beyond 64 bits"),
        pytest.param(b'{"level": ' + DEEP + b"}", id="nesting beyond the stack"),
        pytest.param(b'{"level"', id="no JSON"),
    ],
)
def test_an_event_that_cannot_be_shown_to_the_filter_does_not_match(raw: bytes) -> None:
    assert compile_condition("event.data.level == 12")(event(raw)) is False


def test_an_event_whose_time_is_beyond_the_calendar_does_not_match() -> None:
    strange = event()
    strange.time_us = 2**62
    assert compile_condition("event.data.level == 12")(strange) is False


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "event.data.level >=",
        "event.data.level",
        "1 + 1",
        "nothing.at.all == 1",
        "event.data.tags.map(t, t) == []",
        "event.data.tags.filter (t, true) == []",
        "1 == 1" + " " * 1000,
    ],
)
def test_what_is_no_allowed_condition_is_refused(expression: str) -> None:
    with pytest.raises(InvalidFilterError):
        compile_condition(expression)
