"""The names of a metric's series, made once for a label set: values change, names do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Labels: TypeAlias = tuple[str, ...]
Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
"""A series: its sample name, and its labels as (name, value), ordered by name."""

FORGOTTEN: Final = 10_000
"""Label sets of one metric after which their names are made anew: label sets come and go."""
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Part:
    """One series of each label set: a name, and a label of its own, e.g. `le`."""

    name: str
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The series of one label set, in the order of the metric's parts.

    `heads` are what stands before the value in a line of text, the blank included.
    """

    keys: tuple[Key, ...]
    heads: tuple[str, ...]


class SeriesNames:
    """The series of all label sets of one metric."""

    __slots__ = ("_known", "_labels", "heads", "parts")

    def __init__(self, labels: Labels, parts: Sequence[Part]) -> None:
        self._labels = labels
        self.parts = tuple(parts)
        self._known: dict[Labels, Series] = {}
        self.heads: dict[Labels, str] = {}
        """The first head of each label set that is known."""

    def of(self, values: Labels) -> Series:
        """The same object each time, as long as there are not too many."""
        found = self._known.get(values)
        return self._new(values) if found is None else found

    def _new(self, values: Labels) -> Series:
        if len(self._known) >= FORGOTTEN:
            self._known.clear()
            self.heads.clear()
        pairs = sorted(zip(self._labels, values, strict=True))
        named = [(part.name, (*pairs, *part.extra)) for part in self.parts]
        made = self._known[values] = Series(
            tuple((name, tuple(sorted(labels))) for name, labels in named),
            tuple(head(name, labels) for name, labels in named),
        )
        self.heads[values] = made.heads[0]
        return made


def head(name: str, labels: Sequence[tuple[str, str]]) -> str:
    """What stands before a value: `name{label="value"} `."""
    if not labels:
        return f"{name} "
    written = ",".join(f'{label}="{value.translate(_ESCAPES)}"' for label, value in labels)
    return f"{name}{{{written}}} "
