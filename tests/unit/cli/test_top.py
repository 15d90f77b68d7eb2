from __future__ import annotations

from typing import Any

import pytest

from event_system.cli.top import bars, fitting


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], ""),
        ([0, 0], ""),
        ([7], "█"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([1000, 0, 500], "█▁▅"),
    ],
)
def test_the_highest_bar_is_the_largest_number(values: list[int], shown: str) -> None:
    assert bars(values) == shown


@pytest.mark.parametrize(
    ("width", "left_out"),
    [
        (200, []),
        (100, ["LAG SO FAR"]),
        (80, ["LAG SO FAR", "MODE", "LAST ERROR"]),
        (60, ["LAG SO FAR", "MODE", "LAST ERROR", "RETRYING"]),
        (1, ["LAG SO FAR", "MODE", "LAST ERROR", "RETRYING", "TREND"]),
    ],
)
def test_a_narrow_terminal_has_fewer_columns(width: int, left_out: list[str]) -> None:
    row: dict[str, Any] = dict.fromkeys(fitting([], 200), "")
    row |= {"LISTENER": "leaderboard", "STATE": "running", "LAG SO FAR": "▁" * 20}
    row |= {"TREND": "+83.9/s", "LAST ERROR": "ValueError: " + "no" * 100}

    shown = fitting([row], width)

    assert [name for name in row if name not in shown] == [name for name in row if name in left_out]
