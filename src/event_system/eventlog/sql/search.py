"""How stored events are found: by the indexes of their keys, in windows of offsets that grow.

What is found is measured and tested by its type before its data is read. Keys are hashes: every
hit is compared with the stored strings as well.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.eventlog.sql.reader import SIZE, Reader, bounded
from event_system.eventlog.wanted import Wanted
from event_system.events.event import Event
from event_system.kernel.lanes import id_key, source_key, subject_key, type_key
from event_system.sql.metadata import Bytes
from event_system.sql.tables.log import EVENTS, TYPES

MAX_TYPES = 256
"""Of more types than these the events are looked at one by one."""

_CANDIDATES = 1_000
_READ_AT_ONCE = 250
_FIRST_WINDOW = 2_000
_GROWTH = 4
_WINDOW_SECONDS = 0.1

# Servers compare bytes as they do texts; SQLAlchemy has the operator for texts only.
_LIKE: Final = partial(sa.type_coerce(EVENTS.c.data, sa.Text).like, escape="!")

Terms = list[sa.ColumnElement[bool]]


class Progress(NamedTuple):
    """An event that was found, and the offset up to which all has been looked at.

    None in place of an event says that nothing more is read and not looked at.
    """

    event: Event | None
    through: int


class Search:
    """One search on one connection."""

    def __init__(
        self,
        reader: Reader,
        connection: AsyncConnection,
        wanted: Wanted,
        *,
        newest_first: bool,
        monotonic: Callable[[], float],
    ) -> None:
        self._reader = reader
        self._connection = connection
        self._wanted = wanted
        self._newest_first = newest_first
        self._monotonic = monotonic
        self._types: dict[str, bool] = {}

    async def events(self, low: int, high: int) -> AsyncIterator[Progress]:
        """What is wanted between these offsets, inclusive, in order, and each window's end."""
        terms = await self._terms()
        width = _FIRST_WINDOW
        while low <= high:
            began = self._monotonic()
            first, last = self._window(low, high, width)
            async for progress in self._within(terms, first, last):
                yield progress
            if self._newest_first:
                high = first - 1
            else:
                low = last + 1
            yield Progress(None, first if self._newest_first else last)
            if self._monotonic() - began < _WINDOW_SECONDS:
                width *= _GROWTH

    async def among(self, offsets: Sequence[int]) -> AsyncIterator[Progress]:
        """Those of the events at these offsets that are wanted, in order."""
        terms = await self._terms()
        ordered = sorted(offsets, reverse=self._newest_first)
        for start in range(0, len(ordered), _CANDIDATES):
            part = ordered[start : start + _CANDIDATES]
            of_part = [*terms, EVENTS.c.offset.in_(part)]
            async for progress in self._within(of_part, min(part), max(part)):
                yield progress

    def _window(self, low: int, high: int, width: int) -> tuple[int, int]:
        if self._newest_first:
            return max(low, high - width + 1), high
        return low, min(high, low + width - 1)

    async def _within(self, terms: Terms, low: int, high: int) -> AsyncIterator[Progress]:
        while low <= high:
            found = await self._candidates(terms, low, high)
            fitting = [(at, size) for at, type_, size in found if self._fits(type_)]
            while fitting:
                taken = bounded(fitting[:_READ_AT_ONCE])
                for event in await self._reader.at(self._connection, taken):
                    if all(test.holds(event) for test in self._wanted.where):
                        yield Progress(event, event.offset)
                yield Progress(None, taken[-1])
                del fitting[: len(taken)]
            if len(found) < _CANDIDATES:
                return
            at = found[-1][0]
            low, high = (low, at - 1) if self._newest_first else (at + 1, high)

    async def _candidates(self, terms: Terms, low: int, high: int) -> list[tuple[int, str, int]]:
        """Offset, type and bytes of data of what may be wanted; a bounded number of them."""
        # The sum keeps a planner from reading all of the window in the order of its offsets.
        place = EVENTS.c.offset + 0 if terms else EVENTS.c.offset
        chosen = (
            sa.select(EVENTS.c.offset, EVENTS.c.type, SIZE)
            .where(EVENTS.c.offset >= low, EVENTS.c.offset <= high, *terms)
            .order_by(place.desc() if self._newest_first else place)
            .limit(_CANDIDATES)
        )
        return [(row[0], row[1], row[2]) for row in await self._connection.execute(chosen)]

    def _fits(self, type_: str) -> bool:
        if (known := self._types.get(type_)) is None:
            known = self._types[type_] = self._wanted.fits(type_)
        return known

    async def _terms(self) -> Terms:
        """SQL that is true of what is wanted; types and data are still to be verified."""
        wanted = self._wanted
        terms: Terms = []
        keys: list[tuple[str, str | None, Callable[[str], int]]] = [
            ("id", wanted.id, id_key),
            ("subject", wanted.subject, subject_key),
            ("source", wanted.source, source_key),
        ]
        for name, text, key in keys:
            if text is not None:
                terms += [EVENTS.c[f"{name}_key"] == key(text), EVENTS.c[name] == text]
        if wanted.exact_type is not None:
            terms.append(EVENTS.c.type_key == type_key(wanted.exact_type))
        elif wanted.choices and (types := await self._fitting_types()) is not None:
            terms.append(EVENTS.c.type_key.in_(types))
        terms += [_may_have(text) for test in wanted.where for text in test.texts]
        return terms

    async def _fitting_types(self) -> list[int] | None:
        """The keys of the types that fit; None where they are many."""
        found = await self._connection.execute(sa.select(TYPES.c.type, TYPES.c.type_key))
        keys = [int(key) for type_, key in found if self._fits(type_)]
        return keys if len(keys) <= MAX_TYPES else None


def _may_have(text: str) -> sa.ColumnElement[bool]:
    """Whether data has a text among its bytes, or a backslash, which may stand for any."""
    plain = re.sub(rb"([!%_])", rb"!\1", text.encode(errors="surrogatepass"))
    return sa.or_(*(_LIKE(sa.literal(b"%" + each + b"%", Bytes)) for each in (plain, b"\\")))


async def first_received(connection: AsyncConnection, us: int, head: int) -> int:
    """The first offset received at or after this time; `head + 1` where there is none."""
    low, high = 1, head + 1
    while low < high:
        middle = (low + high) // 2
        place, received_us = await _received(connection, middle)
        if received_us < us:
            low = place + 1
        else:
            high = middle
    return low


async def _received(connection: AsyncConnection, offset: int) -> tuple[int, Any]:
    """The first event at an offset or after it, and when it was received."""
    at = EVENTS.c.offset
    chosen = sa.select(at, EVENTS.c.received_us).where(at >= offset).order_by(at).limit(1)
    row = (await connection.execute(chosen)).one()
    return row[0], row[1]
