"""The parameters of a call: moments, durations, selectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from event_system.kernel.clock import to_us
from event_system.kernel.errors import PromqlError, PromqlSyntaxError
from event_system.promql.numbers import number_of
from event_system.promql.parsing import parse_duration_ms, parse_selector
from event_system.promql.ports import Matcher

FIRST_MS: Final = -(2**53)
LAST_MS: Final = 2**53
"""The moments that are taken where none are given: all."""
_MOST_PARAMETERS: Final = 1000


class Parameters:
    """Those of the address and of a form together. All methods raise `PromqlSyntaxError`."""

    def __init__(self, *encoded: bytes) -> None:
        self._given: dict[str, list[str]] = {}
        for text in encoded:
            for name, value in _pairs(text):
                self._given.setdefault(name, []).append(value)

    def text(self, name: str) -> str:
        """The first value; empty where there is none."""
        return self._given.get(name, [""])[0]

    def moment_ms(self, name: str, default_ms: int | None = None) -> int:
        """Unix seconds or RFC 3339."""
        text = self.text(name)
        if not text and default_ms is not None:
            return default_ms
        seconds = number_of(text)
        if seconds is not None and abs(seconds) * 1000 <= LAST_MS:
            return round(seconds * 1000)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise _invalid(name, f'cannot parse "{text[:80]}" to a valid timestamp')
        return to_us(moment) // 1000

    def duration_ms(self, name: str) -> int | None:
        """Seconds, or a duration such as `5m`; None where it is not given."""
        if not (text := self.text(name)):
            return None
        seconds = number_of(text)
        if seconds is None:
            try:
                return parse_duration_ms(text)
            except PromqlSyntaxError as error:
                raise _unreadable_duration(name, text) from error
        if not math.isfinite(seconds) or abs(seconds) * 1000 > LAST_MS:
            raise _unreadable_duration(name, text)
        return round(seconds * 1000)

    def number(self, name: str) -> int | None:
        """A count; None where it is not given, and for 0, which is no limit."""
        if not (text := self.text(name)):
            return None
        if not text.isascii() or not text.isdigit():
            raise _invalid(name, f'"{text[:80]}" is no number')
        return int(text[:9]) or None

    def selectors(self, *, needed: bool) -> list[Sequence[Matcher]]:
        """The selectors of `match[]`, any of which may fit; without any, one that always does."""
        given = self._given.get("match[]", [])
        if needed and not given:
            raise PromqlSyntaxError("no match[] parameter provided")
        try:
            return [parse_selector(text) for text in given] or [()]
        except PromqlSyntaxError as error:
            raise _invalid("match[]", error.detail) from error

    def span_ms(self) -> tuple[int, int]:
        """`start` and `end`, by default all time."""
        start, end = self.moment_ms("start", FIRST_MS), self.moment_ms("end", LAST_MS)
        if end < start:
            raise _invalid("end", "end timestamp must not be before start timestamp")
        return start, end


def _pairs(text: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            text.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError as error:
        raise PromqlSyntaxError("error parsing form values: no UTF-8, or too many") from error


def _unreadable_duration(name: str, text: str) -> PromqlSyntaxError:
    return _invalid(name, f'cannot parse "{text[:80]}" to a valid duration')


def _invalid(name: str, detail: str) -> PromqlSyntaxError:
    return PromqlSyntaxError(f'invalid parameter "{name}": {detail}')


def in_query(error: PromqlError) -> PromqlError:
    """An error of the parser, said to be of the parameter `query`."""
    if error.detail.startswith("parse error"):
        return _invalid("query", error.detail)
    return error
