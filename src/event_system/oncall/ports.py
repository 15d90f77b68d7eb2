"""What the room needs of others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Protocol


class PublicHolidays(Protocol):
    """The public holidays of a country or of a part of it."""

    def names(self, year: int) -> Mapping[date, str]:
        """The days off of a year. The same each time; quick once a year was asked for."""

    def working_days(self, year: int) -> frozenset[date]:
        """Days of weekends on which people work, for others that they have off instead."""
