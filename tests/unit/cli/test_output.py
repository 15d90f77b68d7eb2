from __future__ import annotations

from typing import Any

import pytest

from event_system.cli.demo import percentile
from event_system.cli.output import event_line, plain, short_json


def test_text_of_others_does_nothing_to_the_terminal() -> None:
    assert str(plain("[red]a\x1b[2Jb\x9bc\r")) == "[red]a\ufffd[2Jb\ufffdc\ufffd"
    assert plain("[red]a").spans == []


@pytest.mark.parametrize("value", [None, ""])
def test_nothing_is_shown_as_nothing(value: Any) -> None:
    assert str(plain(value)) == ""


def test_long_json_is_cut() -> None:
    assert short_json({"a": "界"}) == '{"a": "界"}'
    assert short_json("x" * 200, limit=10) == '"xxxxxxxx…'


def test_an_event_is_one_line() -> None:
    event = {
        "time": "2026-11-21T12:00:00.000Z",
        "offset": 7,
        "type": "player.login",
        "data": {"text": "a\nb\x1b"},
    }

    line = str(event_line(event))

    assert "\n" not in line
    assert "\x1b" not in line
    assert line.split()[:4] == ["2026-11-21T12:00:00.000Z", "7", "player.login", "-"]


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, None), ([1.0], 0.99, 1.0), ([1.0, 2.0, 3.0], 0.5, 2.0), ([1.0, 2.0], 0.99, 2.0)],
)
def test_a_percentile_is_one_of_the_values(
    values: list[float], share: float, expected: float | None
) -> None:
    assert percentile(values, share) == expected
