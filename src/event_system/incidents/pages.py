"""Pages as rows: each is owed until it was delivered or given up, whatever ends in between."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from event_system.incidents.ports import Purpose

PageState: TypeAlias = Literal["owed", "sent", "failed", "dropped"]

FIRST_PAUSE_US: Final = 5_000_000
LONGEST_PAUSE_US: Final = 300_000_000
PATIENCE_US: Final = 3_600_000_000
"""How long a page is tried; the chain goes on meanwhile."""


class PageRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One incident told to one target by one method.

    It is stored as owed before it is sent, and as sent at once afterwards: what ends the process
    between the two lets it be sent twice, nothing lets it be forgotten. `dropped` was not sent, as
    there was nothing to tell any more.
    """

    id: str
    incident: str
    target: str
    method: str
    purpose: Purpose
    made_us: int
    next_us: int
    step: int = 0
    attempts: int = 0
    state: PageState = "owed"
    done_us: int = 0
    error: str = ""

    @property
    def is_owed(self) -> bool:
        return self.state == "owed"


def sent(row: PageRow, now_us: int) -> PageRow:
    return msgspec.structs.replace(
        row, state="sent", done_us=now_us, attempts=row.attempts + 1, error=""
    )


def dropped(row: PageRow, now_us: int) -> PageRow:
    return msgspec.structs.replace(row, state="dropped", done_us=now_us)


def failed(row: PageRow, now_us: int, error: str, *, may_pass: bool) -> PageRow:
    """An attempt has failed; the next one comes later and later, for an hour at most."""
    attempts = row.attempts + 1
    told = msgspec.structs.replace(row, attempts=attempts, error=error[:500])
    if not may_pass or now_us - row.made_us >= PATIENCE_US:
        return msgspec.structs.replace(told, state="failed", done_us=now_us)
    pause_us = min(FIRST_PAUSE_US * 2 ** min(attempts - 1, 10), LONGEST_PAUSE_US)
    return msgspec.structs.replace(told, next_us=now_us + pause_us)
