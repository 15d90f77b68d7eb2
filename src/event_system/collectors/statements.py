"""Questions in SQL whose answers name the figures that they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from event_system.collectors.ports import Sample

PREFIX = "database_server_"
SIZE_SECONDS = 60.0
"""How often the size is asked for: the server looks at every file for it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One question. Each column is a figure without its prefix, but for `labels`.

    `rarely` ones are asked every `SIZE_SECONDS`, the others at each look.
    """

    sql: str
    labels: tuple[str, ...] = ()
    rarely: bool = False

    def samples(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Sample]:
        """The figures of an answer; what the server does not know is left out."""
        for row in rows:
            at = tuple(str(row[label]) for label in self.labels)
            for column, value in row.items():
                if column not in self.labels and value is not None:
                    yield Sample(PREFIX + column, float(value), at)


class Rare:
    """Remembers the answers to what is asked rarely."""

    def __init__(self) -> None:
        self._kept: dict[Statement, tuple[float, list[Sample]]] = {}

    def still(self, statement: Statement, now: float) -> list[Sample] | None:
        """The last answer where it need not be asked for yet; `now` is monotonic seconds."""
        at, samples = self._kept.get(statement, (0.0, None))
        return samples if samples is not None and now - at < SIZE_SECONDS else None

    def keep(self, statement: Statement, samples: list[Sample], now: float) -> None:
        if statement.rarely:
            self._kept[statement] = (now, samples)
