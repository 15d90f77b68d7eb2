"""Silences that come again: maintenance windows, by a cron expression in a time zone.

Each time is an ordinary silence, so that all that knows silences knows it; it is made a little
ahead of its beginning, under an id that follows from the window and its beginning. One of them
may be ended like any other, and stays ended.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Final

import msgspec

from event_system.alerting.matchers import Matcher, Operator
from event_system.alerting.silences import Silence, Silences, check_texts
from event_system.kernel.clock import to_datetime, to_us
from event_system.kernel.cron import check_cron, check_zone, next_firing
from event_system.kernel.errors import (
    AlertingFullError,
    InvalidScheduleError,
    InvalidSilenceError,
    SilenceNotFoundError,
)

MAX_RECURRING: Final = 1_000
AHEAD_US: Final = 600_000_000
"""So long before its beginning a silence is made: it is pending then, and never late."""
LEAST_US: Final = 60_000_000
LONGEST_US: Final = 31 * 86_400_000_000
_SPACE: Final = uuid.UUID("5a3f6a0e-6c1c-4c53-9c1e-1f9d5a3b7a40")


class RecurringSilence(msgspec.Struct, frozen=True, kw_only=True):
    """A window of `duration_us` at each firing of `cron` in `time_zone`, until `ends_us` (0: ever).

    Implements `kernel.cron.Timetable`. A window is as long by the clock that never stops, also
    where the hands are turned meanwhile.
    """

    id: str
    rules: tuple[tuple[str, Operator, str], ...]
    cron: str
    time_zone: str
    duration_us: int
    created_by: str
    comment: str
    starts_us: int = 0
    ends_us: int = 0
    updated_us: int = 0

    start = None
    end = None


def check(wanted: RecurringSilence) -> None:
    """Raises `InvalidSilenceError`, and `InvalidMatcherError` for its matchers."""
    try:
        check_cron(wanted.cron)
        check_zone(wanted.time_zone)
    except InvalidScheduleError as error:
        raise InvalidSilenceError(error.detail, where=(error.where or "").lstrip("$.")) from error
    if not LEAST_US <= wanted.duration_us <= LONGEST_US:
        told = "is from a minute to 31 days"
        raise InvalidSilenceError(told, where="duration_seconds")
    if 0 < wanted.ends_us <= wanted.starts_us:
        raise InvalidSilenceError("start time must be before end time", where="starts_at")
    check_texts(wanted.comment, wanted.created_by, tuple(Matcher(*rule) for rule in wanted.rules))


def window(recurring: RecurringSilence, now_us: int) -> Silence | None:
    """The one that holds now, else the next; None where none is to come."""
    after_us = max(now_us - recurring.duration_us, recurring.starts_us - 1)
    found = next_firing(recurring, to_datetime(after_us))
    if found is None:
        return None
    starts_us = to_us(found)
    if 0 < recurring.ends_us <= starts_us:
        return None
    return Silence(
        id=str(uuid.uuid5(_SPACE, f"{recurring.id}/{recurring.updated_us}/{starts_us}")),
        rules=recurring.rules,
        starts_us=starts_us,
        ends_us=starts_us + recurring.duration_us,
        updated_us=now_us,
        created_by=recurring.created_by,
        comment=recurring.comment,
    )


class Recurrences:
    """All windows that come again, and which silences they have to be now."""

    def __init__(self, kept: Iterable[RecurringSilence] = ()) -> None:
        self._by_id = {each.id: each for each in kept}

    def all(self) -> list[RecurringSilence]:
        """By owner and id."""
        return sorted(self._by_id.values(), key=lambda each: (each.created_by, each.id))

    def get(self, id_: str) -> RecurringSilence:
        """Raises `SilenceNotFoundError`."""
        found = self._by_id.get(id_)
        if found is None:
            raise SilenceNotFoundError(f"no recurring silence {id_[:80]!r}", where=id_[:80])
        return found

    def checked(self, wanted: RecurringSilence, new_id: str, now_us: int) -> RecurringSilence:
        """As it is to be stored; without an id it is a new one.

        Raises `InvalidSilenceError`, `InvalidMatcherError`, `SilenceNotFoundError` and
        `AlertingFullError`.
        """
        check(wanted)
        if wanted.id:
            self.get(wanted.id)
        elif len(self._by_id) >= MAX_RECURRING:
            raise AlertingFullError(f"{MAX_RECURRING:,} recurring silences are kept")
        return msgspec.structs.replace(wanted, id=wanted.id or new_id, updated_us=now_us)

    def put(self, recurring: RecurringSilence) -> None:
        self._by_id[recurring.id] = recurring

    def drop(self, id_: str) -> None:
        self._by_id.pop(id_, None)

    def made_by(self, id_: str, silences: Silences, now_us: int) -> Silence | None:
        """The silence that a window is now or is about to be, where it was made."""
        found = window(self.get(id_), now_us)
        return None if found is None or found.id not in silences else silences.get(found.id)

    def due(self, silences: Silences, now_us: int) -> list[Silence]:
        """The silences that are to be made now."""
        found = (window(each, now_us) for each in self._by_id.values())
        return [
            silence
            for silence in found
            if silence is not None
            and silence.starts_us <= now_us + AHEAD_US
            and silence.id not in silences
        ]
