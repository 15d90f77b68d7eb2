"""What was found and mended, in numbers with a few examples of each."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from event_system.consistency.kinds import Finding, Kind

EXAMPLES = 10


class Entry(msgspec.Struct, kw_only=True):
    """Findings of one kind. `repaired` of them are mended; `repair` is how, or None."""

    code: str
    title: str
    remedy: str
    repair: str | None
    count: int = 0
    repaired: int = 0
    examples: list[str] = []


class Report(msgspec.Struct, kw_only=True):
    """A verification: of `events` events from offset `first` to `last`, in `seconds`.

    Notices are no faults.
    """

    store: str
    events: int
    first: int
    last: int
    seconds: float
    repairing: bool
    findings: list[Entry]
    notices: list[Entry]

    @property
    def is_clean(self) -> bool:
        """Nothing was found, or all of it is mended."""
        return all(entry.repaired >= entry.count for entry in self.findings)


class Tally:
    """Counts findings by kind, and keeps the first examples."""

    def __init__(self) -> None:
        self._entries: dict[Kind, Entry] = {}

    def add(self, findings: Iterable[Finding]) -> list[Finding]:
        """Note them; they come back as a list."""
        found = list(findings)
        for finding in found:
            entry = self._entry(finding.kind)
            entry.count += finding.number
            if len(entry.examples) < EXAMPLES:
                entry.examples.append(finding.example)
        return found

    def repaired(self, kind: Kind, number: int) -> None:
        self._entry(kind).repaired += number

    def _entry(self, kind: Kind) -> Entry:
        if (entry := self._entries.get(kind)) is None:
            entry = self._entries[kind] = Entry(
                code=kind.code,
                title=kind.title,
                remedy=kind.advice,
                repair=kind.repair,
                examples=[],
            )
        return entry

    def entries(self, *, notices: bool) -> list[Entry]:
        """By code."""
        found = [entry for kind, entry in self._entries.items() if kind.is_notice is notices]
        return sorted(found, key=lambda entry: entry.code)
