"""The notation of promtool's unit tests: series as text, and their values as a short program."""

from __future__ import annotations

import re
from typing import Final

from event_system.kernel.errors import PromqlSyntaxError, RuleFileError
from event_system.promql.numbers import number_of
from event_system.promql.parsing import parse_selector
from event_system.promql.ports import STALE, Labels

MOST_VALUES: Final = 1_000_000
"""Values of one series."""
_NUMBER: Final = r"[+-]?(?:inf|nan|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)"
_REPEATED: Final = re.compile(
    rf"(?P<first>{_NUMBER})(?P<step>[+-](?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)?"
    r"(?:x(?P<times>\d+))?",
    re.IGNORECASE,
)
_MISSING: Final = re.compile(r"_(?:x(?P<times>\d+))?")


def labels_from(text: str) -> Labels:
    """The labels of a series such as `x{a="b"}`, or of `{}`. Raises `RuleFileError`."""
    if text.strip() in {"", "{}"}:
        return ()
    try:
        matchers = parse_selector(text)
    except PromqlSyntaxError as error:
        raise RuleFileError(f"the series {text[:200]!r}: {error.detail}") from error
    if any(matcher.op != "=" for matcher in matchers):
        raise RuleFileError(f"the series {text[:200]!r} has a label without `=`")
    return tuple(sorted((each.name, each.value) for each in matchers if each.value))


def values_from(text: str) -> list[float | None]:
    """The values: `1+2x3` is 1 3 5 7, `_` none, `stale` the end. Raises `RuleFileError`."""
    values: list[float | None] = []
    for word in text.split():
        values.extend(_values_of(word))
        if len(values) > MOST_VALUES:
            raise RuleFileError(f"a series has more than {MOST_VALUES} values")
    return values


def _values_of(word: str) -> list[float | None]:
    if word == "stale":
        return [float(STALE)]
    if missing := _MISSING.fullmatch(word):
        return [None] * _times(missing["times"] or "1")
    found = _REPEATED.fullmatch(word)
    if found is None or (found["step"] and not found["times"]):
        raise RuleFileError(f"{word[:80]!r} is no value; such are 1.5, 1+2x3, 7x4, _, _x3, stale")
    first = number_of(found["first"])
    step = number_of(found["step"]) if found["step"] else 0.0
    assert first is not None
    assert step is not None
    if not found["times"]:
        return [first]
    values: list[float | None] = [first]
    for _ in range(_times(found["times"])):
        first += step
        values.append(first)
    return values


def _times(text: str) -> int:
    if len(text) > 7 or int(text) > MOST_VALUES:
        raise RuleFileError(f"a series has more than {MOST_VALUES} values")
    return int(text)
