from __future__ import annotations

from event_system.kernel.chance import fraction


def test_a_fraction_reaches_from_0_up_to_but_not_1() -> None:
    assert fraction(bytes) == 0.0
    assert 0.999 < fraction(lambda count: b"\xff" * count) < 1.0
