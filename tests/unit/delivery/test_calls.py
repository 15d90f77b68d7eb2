"""What is told of an error can be kept by every store."""

from __future__ import annotations

import pytest

from event_system.delivery.calls import describe, trace

HALF = "\ud83c"


@pytest.mark.parametrize("tell", [describe, trace])
def test_half_a_character_in_an_error_is_told_as_its_number(
    tell: object,
) -> None:
    assert callable(tell)
    try:
        raise ValueError(f"bad {HALF} é\x00")
    except ValueError as error:
        told = tell(error)

    assert "ValueError: bad \\ud83c é\x00" in told
    assert told.encode().decode() == told
