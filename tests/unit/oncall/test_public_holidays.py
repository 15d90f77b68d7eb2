from __future__ import annotations

import sys
from datetime import date

import pytest

from event_system.kernel.errors import MissingHolidaysError
from event_system.oncall.public_holidays import CountryHolidays


def test_china_works_on_the_weekends_that_are_moved() -> None:
    """The notice of the State Council for 2026."""
    china = CountryHolidays("CN", language="zh_CN")

    assert china.names(2026)[date(2026, 2, 17)] == "春节"
    assert date(2026, 10, 7) in china.names(2026)
    assert {date(2026, 2, 14), date(2026, 10, 10)} <= china.working_days(2026)
    assert date(2026, 10, 10) not in china.names(2026)


def test_a_part_of_a_country_has_days_of_its_own() -> None:
    bavaria, berlin = CountryHolidays("DE", "BY"), CountryHolidays("DE", "BE")

    assert date(2026, 1, 6) in bavaria.names(2026)
    assert date(2026, 1, 6) not in berlin.names(2026)


@pytest.mark.parametrize(("country", "part"), [("XX", None), ("DE", "XX")])
def test_a_country_that_is_none_is_named(country: str, part: str | None) -> None:
    with pytest.raises(ValueError, match="XX"):
        CountryHolidays(country, part)


def test_without_the_library_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)

    with pytest.raises(MissingHolidaysError, match=r"pip install 'event-system\[holidays\]'"):
        CountryHolidays("CN")
