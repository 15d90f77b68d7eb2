"""Public holidays of countries, offline, by the library `holidays`, which loads when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from event_system.kernel.errors import MissingHolidaysError


class CountryHolidays:
    """Implements `PublicHolidays` for a country (`CN`) or a part of it (`DE`, `BY`).

    The library loads, and a country with it, in the constructor: tenths of a second. Raises
    `ValueError` for a country or a part that it does not know, and `MissingHolidaysError`.
    """

    def __init__(self, country: str, part: str | None = None, language: str | None = None) -> None:
        self._days = _library_days(country, part, language)

    def names(self, year: int) -> Mapping[date, str]:
        self._read(year)
        days: Mapping[date, str] = self._days
        return days

    def working_days(self, year: int) -> frozenset[date]:
        self._read(year)
        return frozenset(getattr(self._days, "weekend_workdays", ()))

    def _read(self, year: int) -> None:
        """A look at any date of a year reads that year."""
        _ = date(year, 1, 1) in self._days


def _library_days(country: str, part: str | None, language: str | None) -> Any:
    try:
        from holidays import country_holidays
    except ImportError:
        raise MissingHolidaysError(
            f"public holidays of {country!r} need a library: pip install 'event-system[holidays]'",
            where="on_call.calendars",
        ) from None
    try:
        return country_holidays(country, subdiv=part, language=language)
    except NotImplementedError:
        named = country if part is None else f"{country}, {part}"
        raise ValueError(
            f"no public holidays of {named!r} are known; write ISO codes such as DE and BY"
        ) from None
