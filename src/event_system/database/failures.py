"""Failed deliveries in the order of lists: what every table of them has in common. Pure.

A table gives its entries in the order of `Place`; which of them are meant, where a page ends and
how they are counted is decided here, so that it is the same in every store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, TypeAlias

from event_system.delivery.ports import DEAD, Counts, Place, Selection
from event_system.kernel.patterns import matches, parse_pattern

LOOKS: Final = 5_000
"""Entries that one page looks at."""

Entry: TypeAlias = tuple[int, int, str, int, str]
"""at_us, offset, listener, the row's number, type: sorted as lists are."""


def walked(
    entries: Iterable[Entry], wanted: Selection, limit: int
) -> tuple[Place | None, list[Entry]]:
    """Where a walk over up to `limit` entries ended (None: all seen), and the wanted ones.

    The entries are those of the wanted state, listener and times, in order.
    """
    seen = list(islice(entries, limit))
    end = seen[-1][:3] if len(seen) == limit else None
    return end, [entry for entry in seen if _has_type(entry, wanted)]


def at_offsets(entries: Iterable[Entry], wanted: Selection, *, newest_first: bool) -> list[Entry]:
    """Of the entries at `wanted.offsets` in the wanted state those that are meant, in order."""
    return [
        entry
        for entry in sorted(entries, reverse=newest_first)
        if wanted.since_us <= entry[0] < wanted.until_us
        and wanted.listener in (None, entry[2])
        and _has_type(entry, wanted)
    ]


def page(
    end: Place | None, entries: Sequence[Entry], limit: int
) -> tuple[Sequence[Entry], Place | None]:
    """The entries of a page, and where the next one begins; `end` is where the walk ended."""
    if len(entries) <= limit:
        return entries, end
    return entries[:limit], entries[limit - 1][:3]


def counted(rows: Iterable[tuple[str, str, int, int | None]]) -> dict[str, Counts]:
    """By listener, from (listener, state, number, first failure of the oldest event)."""
    found: dict[str, Counts] = {}
    for listener, state, number, first_us in rows:
        before = found.get(listener, Counts())
        if state == DEAD:
            found[listener] = Counts(before.retrying, number, before.oldest_us)
        else:
            known = [us for us in (first_us, before.oldest_us) if us is not None]
            oldest_us = min(known, default=None)
            found[listener] = Counts(before.retrying + number, before.dead, oldest_us)
    return found


def _has_type(entry: Entry, wanted: Selection) -> bool:
    return wanted.pattern is None or matches(parse_pattern(wanted.pattern), entry[4])
