"""Overrides: somebody stands in for whoever a schedule names, for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from event_system.kernel.errors import (
    InvalidOverrideError,
    OverrideLimitError,
    OverrideNotFoundError,
    OverridePastError,
)
from event_system.kernel.records import Records
from event_system.kernel.spans import Span
from event_system.oncall.rotations import Shift

KIND: Final = "on_call_overrides"
MAX_OVERRIDES: Final = 2000
MAX_NOTE: Final = 500
DAY_US: Final = 86_400_000_000
MILLISECOND_US: Final = 1000
"""What moments are told to: who changes an override gives back the start that was shown."""
LONGEST_US: Final = 366 * DAY_US
KEPT_US: Final = 400 * DAY_US
"""How long those that are over are kept: reports look a year back."""


@dataclass(frozen=True, slots=True)
class Override:
    """`person` answers for `schedule` from `start_us` up to, but not, `end_us`.

    `by` is who said so last, and `created_us` when it was made, or changed before it began.
    """

    id: str
    schedule: str
    person: str
    start_us: int
    end_us: int
    created_us: int
    by: str
    note: str = ""

    def shift(self, within: Span) -> Shift | None:
        """Its part of a span."""
        part = Span(self.start_us, self.end_us).clipped(within)
        if not part.length_us:
            return None
        return Shift(part.start_us, part.end_us, (self.person,), "override", self.id)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Override).decode


class Overrides:
    """All overrides, in memory and stored; what is over is not changed any more.

    One task at a time changes them: callers come from one event loop, and what a change makes is
    seen once it is stored.
    """

    def __init__(self, records: Records, new_id: Callable[[], str]) -> None:
        self._records = records
        self._new_id = new_id
        self._kept: dict[str, Override] = {}

    async def load(self) -> None:
        """Take over what is stored. Raises `StorageError`."""
        stored = await self._records.load(KIND)
        self._kept = {key: _decode(value) for key, value in stored.items()}

    def all(self) -> list[Override]:
        """Ordered by their start."""
        return sorted(self._kept.values(), key=lambda each: (each.start_us, each.id))

    def of(self, schedule: str, within: Span) -> list[Override]:
        """Those of a schedule that a span meets."""
        return [
            each
            for each in self._kept.values()
            if each.schedule == schedule
            and each.start_us < within.end_us
            and each.end_us > within.start_us
        ]

    def get(self, id_: str) -> Override:
        """One of them. Raises `OverrideNotFoundError`."""
        found = self._kept.get(id_)
        if found is None:
            raise OverrideNotFoundError(f"no override {id_[:80]!r}", where="id")
        return found

    async def add(self, wanted: Iterable[Override], now_us: int) -> list[Override]:
        """Store new ones, all or none, with ids of their own; forget those that are long over.

        None begins before now: what was, stays as it was.

        Raises `InvalidOverrideError`, `OverrideLimitError` and `StorageError`.
        """
        made = [self._new(each, now_us) for each in wanted]
        over = [each.id for each in self._kept.values() if each.end_us < now_us - KEPT_US]
        if len(self._kept) - len(over) + len(made) > MAX_OVERRIDES:
            raise OverrideLimitError(f"there may be {MAX_OVERRIDES} overrides")
        await self._save({each.id: each for each in made} | dict.fromkeys(over))
        return made

    async def change(self, id_: str, wanted: Override, now_us: int) -> Override:
        """Put another in the place of one that is not over.

        One that has begun keeps its past: it may only be given another end. Raises as `add` does,
        and `OverrideNotFoundError` and `OverridePastError`.
        """
        before = self._changeable(id_, now_us)
        _check(wanted, now_us)
        if before.start_us > now_us:
            start_us = max(wanted.start_us, now_us // MILLISECOND_US * MILLISECOND_US)
            changed = replace(wanted, id=id_, created_us=now_us, start_us=start_us)
        elif _beginning(wanted) == _beginning(before):
            changed = replace(wanted, id=id_, created_us=before.created_us)
        else:
            raise OverridePastError(
                "it has begun: only its end and its note can change", where="start"
            )
        await self._save({id_: changed})
        return changed

    async def end(self, id_: str, now_us: int) -> Override:
        """Forget one that is to come; end one that has begun, which is kept as it was till now.

        The answer is what it was. Raises `OverrideNotFoundError`, `OverridePastError` and
        `StorageError`.
        """
        before = self._changeable(id_, now_us)
        left = replace(before, end_us=now_us) if before.start_us < now_us else None
        await self._save({id_: left})
        return before

    def _new(self, wanted: Override, now_us: int) -> Override:
        _check(wanted, now_us)
        start_us = max(wanted.start_us, now_us // MILLISECOND_US * MILLISECOND_US)
        return replace(wanted, id=self._new_id(), created_us=now_us, start_us=start_us)

    def _changeable(self, id_: str, now_us: int) -> Override:
        found = self.get(id_)
        if found.end_us <= now_us:
            raise OverridePastError(f"override {id_!r} is over", where="id")
        return found

    async def _save(self, changes: Mapping[str, Override | None]) -> None:
        encoded = {key: None if each is None else _encode(each) for key, each in changes.items()}
        await self._records.save({KIND: encoded})
        for key, each in changes.items():
            if each is None:
                self._kept.pop(key, None)
            else:
                self._kept[key] = each


def _beginning(override: Override) -> tuple[str, str, int]:
    return override.schedule, override.person, override.start_us


def _check(override: Override, now_us: int) -> None:
    if override.end_us <= override.start_us:
        raise InvalidOverrideError("it ends before it begins", where="end")
    if override.end_us <= now_us:
        raise InvalidOverrideError("it would be over already", where="end")
    if override.end_us - override.start_us > LONGEST_US:
        raise InvalidOverrideError("it lasts longer than 366 days", where="end")
    if len(override.note) > MAX_NOTE:
        raise InvalidOverrideError(f"a note has {MAX_NOTE} characters at most", where="note")
