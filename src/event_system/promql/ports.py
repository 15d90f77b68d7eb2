"""What a query engine reads: labelled series of samples, chosen by matchers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from event_system.promql import labels
from event_system.promql.regexes import anchored

Labels: TypeAlias = labels.Labels
NAME: Final = "__name__"
LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
STALE_BITS: Final = 0x7FF0000000000002
STALE: Final[np.float64] = np.array([STALE_BITS], np.uint64).view(np.float64)[0]
"""The value that ends a series: one NaN of its own, told from others by its bits."""


def is_stale(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the values are `STALE`. They have to lie side by side in memory."""
    stale: NDArray[np.bool_] = values.view(np.uint64) == np.uint64(STALE_BITS)
    return stale


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label. A label that a series does not have counts as empty.

    Regular expressions are RE2's, and have to match the whole value. Building one raises
    `PromqlSyntaxError` where it has an expression that RE2 refuses.
    """

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str

    def __post_init__(self) -> None:
        if self.op in {"=~", "!~"}:
            anchored(self.value)

    def matches(self, value: str) -> bool:
        """Whether a label with this value fits; "" is that of a label that is not there."""
        if self.op == "=":
            return value == self.value
        if self.op == "!=":
            return value != self.value
        return anchored(self.value)(value) == (self.op == "=~")


class Series(NamedTuple):
    """One series' samples: milliseconds since 1970, rising, and as many values."""

    labels: Labels
    times: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Samples:
    """Series side by side: `starts[i]:starts[i + 1]` are the samples of the series `labels[i]`."""

    labels: list[Labels]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, series: Sequence[Series]) -> Samples:
        """The same of series one by one."""
        ends = np.cumsum([len(each.times) for each in series], dtype=np.int64)
        return cls(
            [each.labels for each in series],
            np.concatenate([np.empty(0, np.int64), *(each.times for each in series)]),
            np.concatenate([np.empty(0), *(each.values for each in series)]),
            np.concatenate((np.zeros(1, np.int64), ends)),
        )

    def __iter__(self) -> Iterator[Series]:
        for each, (begin, end) in zip(self.labels, pairwise(self.starts.tolist()), strict=True):
            yield Series(each, self.times[begin:end], self.values[begin:end])


class SampleSource(Protocol):
    """Where samples are. Called in worker threads, several at once; a call blocks.

    All matchers have to fit; none at all fits everything. Both ends of a span belong to it.
    """

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, most_samples: int
    ) -> Samples:
        """The series that have samples in the span, with these samples, `STALE` ones included.

        They come sorted by their labels.

        Raises `TooManySamplesError` before it has read more than `most_samples`.
        """

    def series(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Labels]:
        """The label sets that `select` would answer."""

    def label_names(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[str]:
        """The names of the labels of these series, sorted, each once."""

    def label_values(
        self, name: str, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> list[str]:
        """The values that a label has in these series, sorted, each once."""
