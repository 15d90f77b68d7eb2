"""The drafts of a batch, sorted into events for now, events for later, and faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import cast

from event_system.events.codec import Draft
from event_system.events.event import Row
from event_system.http.receipts import Fault
from event_system.kernel.errors import EventSystemError
from event_system.scheduling.ports import Held

_due = attrgetter("deliver_at")


def sort_out(
    drafts: Sequence[Draft | EventSystemError],
    admitted: Sequence[Row | EventSystemError],
    held_of: Callable[[Draft, Row], Held],
) -> tuple[Sequence[Row], dict[int, Held], list[Fault]]:
    """Rows in their order, those of them with a time by their place, and the faults.

    Raises an error that is the node's own: then none of them is kept.
    """
    rows: list[Row] = []
    held: dict[int, Held] = {}
    faults: list[Fault] = []
    if set(map(type, admitted)) == {tuple} and set(map(_due, drafts)) == {None}:
        return cast("Sequence[Row]", admitted), held, faults
    for index, (draft, row) in enumerate(zip(drafts, admitted, strict=True)):
        try:
            if isinstance(draft, EventSystemError):
                raise draft
            if isinstance(row, EventSystemError):
                raise row
            if draft.deliver_at is not None:
                held[len(rows)] = held_of(draft, row)
            rows.append(row)
        except EventSystemError as error:
            if error.status >= 500:
                raise
            faults.append(Fault(index, error.code, error.detail, error.where))
    return rows, held, faults
