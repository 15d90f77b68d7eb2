from __future__ import annotations

import pytest

from event_system.cli.top import bars


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
