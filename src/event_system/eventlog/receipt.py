"""Moments of receipt grow with offsets, as searches by time rely on."""

from __future__ import annotations

from event_system.events.event import Row


def not_before(row: Row, us: int) -> Row:
    """The row, received at `us` at the earliest: that of the event in front of it."""
    return row if row[10] >= us else (*row[:10], us, *row[11:])
