"""Reading Prometheus' text formats: 0.0.4 and OpenMetrics 1.0.

A target says nearly the same at every scrape. So the text before a value is looked up whole, and
its labels are read once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from event_system.kernel.errors import ExpositionError
from event_system.promql.ports import NAME, Labels
from event_system.timeseries.collection.views import Metadata
from event_system.timeseries.columns import Times, Values

MOST_LABELS: Final = 128
LONGEST_LABEL: Final = 65_536
_NAMED: Final = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*+)?[ \t]*+(?:\{((?:[^"{}]|"(?:[^"\\]|\\.)*+")*+)\})?[ \t]*+'
)
_LABEL: Final = re.compile(
    r'[ \t]*+([a-zA-Z_][a-zA-Z0-9_]*+)[ \t]*+=[ \t]*+"((?:[^"\\]|\\.)*+)"[ \t]*+(?:,|$)'
)
_ESCAPE: Final = re.compile(r"\\(.)")
_PLAIN_NUMBER: Final = re.compile(r"[0-9eE+.\-]+|[+-]?(?:inf(?:inity)?|nan)", re.IGNORECASE)
_DROPPED: Final[Labels] = ()
"""Stands for the labels of a series that is left out."""


@dataclass(slots=True)
class Scraped:
    """Samples in the order of the text. `timed` says which have brought a time of their own."""

    labels: list[Labels]
    times: Times
    values: Values
    timed: set[Labels]
    seen: int
    metadata: dict[str, Metadata] = field(default_factory=dict)


class Exposition:
    """Reads what one source says, again and again.

    `final` makes the labels to store of those in the text, or None for a series to leave out.
    """

    def __init__(self, final: Callable[[dict[str, str]], Labels | None]) -> None:
        self._final = final
        self._known: dict[str, Labels] = {}

    def read(self, text: str, now_ms: int, *, openmetrics: bool) -> Scraped:
        """The samples of a whole text. Raises `ExpositionError` with the line at fault."""
        lines = text.split("\n")
        if openmetrics:
            check_end(lines)
        return self.read_lines(lines, 1, now_ms, openmetrics=openmetrics)

    def read_lines(
        self, lines: list[str], first: int, now_ms: int, *, openmetrics: bool
    ) -> Scraped:
        """The samples of a part of a text; `first` is the number of its first line."""
        if len(self._known) > 2 * len(lines) + 1000:
            self._known.clear()  # series come and go
        reading = _Reading(self._known, self._final, openmetrics=openmetrics)
        return reading.run(lines, first, now_ms)


def check_end(lines: list[str]) -> None:
    """Take the end mark of OpenMetrics away. Raises `ExpositionError` where there is none."""
    while lines and not lines[-1]:
        lines.pop()
    if not lines or lines.pop() != "# EOF":
        raise ExpositionError("the text does not end with `# EOF`: it is not whole")


class _Reading:
    """One text on its way."""

    def __init__(
        self,
        known: dict[str, Labels],
        final: Callable[[dict[str, str]], Labels | None],
        *,
        openmetrics: bool,
    ) -> None:
        self._known = known
        self._final = final
        self._per_second = 1000.0 if openmetrics else 1.0  # times are seconds there
        self._labels: list[Labels] = []
        self._values: list[float] = []
        self._times: dict[int, int] = {}
        self._types: dict[str, dict[str, str]] = {}
        self._dropped = 0

    def run(self, lines: list[str], first: int, now_ms: int) -> Scraped:
        known, labels, values = self._known.get, self._labels, self._values
        for number, line in enumerate(lines, first):
            head, _, tail = line.rpartition(" ")
            found = known(head)
            try:
                if found and "_" not in tail:  # which Python would take for a digit
                    values.append(float(tail))
                    labels.append(found)
                elif line:
                    self._read(line.rstrip("\r"))
            except ValueError as error:
                raise ExpositionError(f"line {number}: {_said(error, line)}") from error
        times = np.full(len(values), now_ms, np.int64)
        for place, time in self._times.items():
            times[place] = time
        return Scraped(
            labels,
            times,
            np.array(values, np.float64),
            {labels[place] for place in self._times},
            len(values) + self._dropped,
            {name: _metadata(found) for name, found in self._types.items()},
        )

    def _read(self, line: str) -> None:
        text = line.strip(" \t")
        if not text:
            return
        if text[0] == "#":
            self._comment(text)
            return
        labels, end = self._series(text)
        value, time = self._numbers(text[end:])
        if labels == _DROPPED:
            self._dropped += 1
            return
        if time is not None:
            self._times[len(self._values)] = time
        self._labels.append(labels)
        self._values.append(value)

    def _series(self, text: str) -> tuple[Labels, int]:
        """The labels of a line, and where they end."""
        match = _NAMED.match(text)
        assert match is not None  # everything in it is optional
        head = text[: match.end()].rstrip(" \t")
        labels = self._known.get(head)
        if labels is None:
            given = _given(match[1] or "", match[2])
            labels = self._known[head] = self._final(given) or _DROPPED
        return labels, match.end()

    def _numbers(self, rest: str) -> tuple[float, int | None]:
        """Value and time, in milliseconds; an exemplar is passed over."""
        words = rest.partition(" # ")[0].split()
        if not 1 <= len(words) <= 2:
            raise ValueError("a value, and at most a time, should follow the labels")
        for word in words:
            if not _PLAIN_NUMBER.fullmatch(word):
                raise ValueError(f"{word[:50]!r} is no number")
        time = None if len(words) == 1 else float(words[1]) * self._per_second
        if time is not None and not abs(time) < 2**53:
            raise ValueError(f"{words[1][:50]!r} is no time")
        return float(words[0]), None if time is None else round(time)

    def _comment(self, text: str) -> None:
        words = text.split(None, 3)
        if len(words) > 2 and words[1] in {"TYPE", "HELP", "UNIT"}:
            found = self._types.setdefault(words[2], {})
            found[words[1]] = words[3] if len(words) > 3 else ""


def _given(name: str, labels: str | None) -> dict[str, str]:
    """The labels of a series as its line has them. Raises `ValueError`."""
    found = {NAME: name} if name else {}
    text, at = (labels or "").rstrip(" \t"), 0
    while at < len(text):
        match = _LABEL.match(text, at)
        if match is None:
            raise ValueError(f"no label at {text[at : at + 50]!r}")
        if match[1] in found:
            raise ValueError(f"two labels {match[1]}")
        found[match[1]] = _unescaped(match[2])
        at = match.end()
    if not found.get(NAME):
        raise ValueError("no metric name")
    if len(found) > MOST_LABELS or max(map(len, found.values())) > LONGEST_LABEL:
        raise ValueError(f"over {MOST_LABELS} labels, or one over {LONGEST_LABEL} characters")
    return found


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], value)


def _metadata(found: dict[str, str]) -> Metadata:
    return Metadata(found.get("TYPE", "unknown"), found.get("HELP", ""), found.get("UNIT", ""))


def _said(error: ValueError, line: str) -> str:
    reason = str(error)
    return f"{reason[:200]} in {line[:100]!r}"
