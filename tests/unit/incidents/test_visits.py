"""How often links may be asked for."""

from __future__ import annotations

import pytest

from event_system.incidents.visits import ALL, EACH, NODE, Visits
from event_system.kernel.errors import LinkLimitError

NOW = 1_000.0


def taken(visits: Visits, addresses: list[str], by: str = "") -> int:
    """How many of these visits are let in, one right after the other."""
    count = 0
    for address in addresses:
        try:
            visits.count(address, NOW, by)
        except LinkLimitError:
            continue
        count += 1
    return count


def test_each_has_a_burst_of_its_own_and_all_have_one_together() -> None:
    visits = Visits()
    many = [f"10.0.0.{number}" for number in range(250)]

    assert taken(visits, ["10.1.0.1"] * 50) == EACH.burst
    assert taken(visits, many) == ALL.burst - EACH.burst


def test_whoever_is_refused_is_told_how_long_to_wait() -> None:
    visits = Visits()
    taken(visits, ["10.1.0.1"] * EACH.burst)

    with pytest.raises(LinkLimitError) as raised:
        visits.count("10.1.0.1", NOW)

    assert raised.value.wait_seconds == pytest.approx(1 / EACH.per_second)
    visits.count("10.1.0.1", NOW + raised.value.wait_seconds)


def test_a_network_of_ipv6_counts_as_one() -> None:
    visits = Visits()

    assert taken(visits, [f"2001:db8::{number:x}" for number in range(50)]) == EACH.burst


def test_whoever_asks_for_others_is_bounded_and_harms_nobody_else() -> None:
    visits = Visits()
    many = [f"10.0.0.{number}" for number in range(150)]

    assert taken(visits, ["10.1.0.1"] * 50, by="10.2.0.1") == EACH.burst
    assert taken(visits, many, by="10.2.0.1") == NODE.burst - EACH.burst
    assert taken(visits, ["10.1.0.2"]) == 1
    with pytest.raises(LinkLimitError):
        visits.count("10.1.0.3", NOW, "10.2.0.1")
