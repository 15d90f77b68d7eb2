"""What is told of an error can be kept by every store."""

from __future__ import annotations

import pytest

from event_system.delivery.calls import RemoteError, describe, trace

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


class Unsayable(Exception):  # noqa: N818 - it is none of ours
    def __str__(self) -> str:
        raise KeyError("text")


def test_an_error_that_cannot_be_shown_is_told_all_the_same() -> None:
    assert describe(Unsayable()) == "Unsayable: <KeyError when it was to be shown>"
    assert "Unsayable" in trace(Unsayable())


def test_an_error_of_another_process_is_told_as_it_was_there() -> None:
    error = RemoteError("KeyError: 'x'", "Traceback …")

    assert (describe(error), trace(error)) == ("KeyError: 'x'", "Traceback …")
