"""A row of a node's table as what it says."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from event_system.cluster.ports import Member, Offers


def member_of(
    row: sa.Row[Any], seconds: float, offers: Offers | None = None, plan: str = ""
) -> Member:
    """A node that is here or has gone; `seconds` are left of its lease."""
    return Member(
        id=row.id,
        name=row.name,
        address=row.address,
        roles=frozenset(row.roles.split(",")),
        version=row.version,
        entered_us=row.entered_us,
        seen_us=row.seen_us,
        clock_ahead_us=row.clock_ahead_us,
        seconds=seconds,
        offers=offers,
        plan=plan,
    )
