"""The kinds of values that templates see."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from event_system.kernel.errors import TemplateError

Methods: TypeAlias = Mapping[str, Callable[..., Any]]


class Record(dict[str, Any]):
    """Named members; a name that is unknown is refused."""


class Texts(dict[str, str]):
    """Text by name; a name that is unknown is the empty string."""

    def __str__(self) -> str:
        return f"map[{' '.join(f'{name}:{self[name]}' for name in sorted(self))}]"


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


class Time:
    """A moment, written as Go writes it. `moment` of None is Go's zero."""

    __slots__ = ("moment",)

    def __init__(self, moment: datetime | None) -> None:
        self.moment = moment

    def __str__(self) -> str:
        if self.moment is None:
            return "0001-01-01 00:00:00 +0000 UTC"
        fraction = f"{self.moment.microsecond:06d}".rstrip("0")
        zone = self.moment.strftime("%z %Z")
        return f"{self.moment:%Y-%m-%d %H:%M:%S}{'.' + fraction if fraction else ''} {zone}"

    def formatted(self, layout: str) -> str:
        moment = self.moment or datetime(1, 1, 1, tzinfo=UTC)
        return _LAYOUT.sub(lambda found: _PARTS[found[0]](moment), layout)

    def in_zone(self, zone: tzinfo) -> Time:
        return Time(None if self.moment is None else self.moment.astimezone(zone))

    def plus(self, nanoseconds: int) -> Time:
        if self.moment is None:
            return self
        try:
            return Time(self.moment + timedelta(microseconds=int(nanoseconds) // 1000))
        except OverflowError as error:
            raise TemplateError("a moment that far away is none") from error

    def unix(self) -> int:
        return 0 if self.moment is None else int(self.moment.timestamp())


def _offset(moment: datetime) -> str:
    text = moment.strftime("%z")
    return f"{text[:3]}:{text[3:5]}"


_PARTS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "2006": lambda m: f"{m.year:04d}",
    "January": lambda m: m.strftime("%B"),
    "Monday": lambda m: m.strftime("%A"),
    "Jan": lambda m: m.strftime("%b"),
    "Mon": lambda m: m.strftime("%a"),
    "MST": lambda m: m.strftime("%Z"),
    "Z07:00": lambda m: "Z" if not m.utcoffset() else _offset(m),
    "-07:00": _offset,
    "-0700": lambda m: m.strftime("%z"),
    ".000000": lambda m: f".{m.microsecond:06d}",
    ".000": lambda m: f".{m.microsecond // 1000:03d}",
    "01": lambda m: f"{m.month:02d}",
    "02": lambda m: f"{m.day:02d}",
    "03": lambda m: m.strftime("%I"),
    "04": lambda m: f"{m.minute:02d}",
    "05": lambda m: f"{m.second:02d}",
    "06": lambda m: f"{m.year % 100:02d}",
    "15": lambda m: f"{m.hour:02d}",
    "PM": lambda m: m.strftime("%p"),
    "1": lambda m: str(m.month),
    "2": lambda m: str(m.day),
    "3": lambda m: str(m.hour % 12 or 12),
    "4": lambda m: str(m.minute),
    "5": lambda m: str(m.second),
}
_LAYOUT: Final = re.compile("|".join(re.escape(p) for p in sorted(_PARTS, key=len, reverse=True)))


METHODS: Final[Mapping[type, Methods]] = {
    Time: {
        "Format": Time.formatted,
        "Add": Time.plus,
        "Unix": Time.unix,
        "UTC": lambda time: time.in_zone(UTC),
        "Local": lambda time: time,
        "IsZero": lambda time: time.moment is None,
        "String": str,
    },
}
"""What may be called on which values. The node's own zone is UTC, so `Local` changes nothing."""


def url_query(text: str) -> str:
    """As in a URL's query."""
    return quote(text, safe="").replace("%20", "+")
