"""One line of the reference."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A metric. `labels` are parted by commas; `source` is who counts or measures it."""

    name: str
    type: str
    labels: str
    unit: str
    meaning: str
    source: str

    @property
    def label_names(self) -> list[str]:
        return self.labels.split(", ") if self.labels else []

    def line(self) -> str:
        """A row of the table."""
        labels = ", ".join(f"`{label}`" for label in self.label_names)
        cells = (f"`{self.name}`", self.type, labels, self.unit, self.meaning, self.source)
        return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def entries(table: str) -> tuple[Entry, ...]:
    """The entries of lines `name | type | labels | unit | meaning | source`."""
    rows = ([cell.strip() for cell in line.split("|")] for line in table.strip().splitlines())
    return tuple(Entry(*row) for row in rows)
