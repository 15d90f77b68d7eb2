"""Filters of ids: they say which parts of the log need not be looked at for a duplicate.

Each partition of `events` has an index of ids of its own, so a look-up costs more the more of them
the window for duplicates spans. The log is cut into stretches, each with a Bloom filter that a node
keeps in memory; that of the last one grows with what the node is told of. Where all of them say no,
only what other nodes have appended since has to be looked at, and mostly that is nothing. What one
of them may know is looked up in all of the window, so the answer stays exact.

A filter of a closed stretch is kept in the table `id_filters`, by the first node that has it, for all
others.
"""

from __future__ import annotations

import asyncio
import logging
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from rbloom import Bloom
from sqlalchemy.dialects import mysql, postgresql

from event_system.eventlog.sql.reader import Reader
from event_system.events.ports import Commit
from event_system.kernel.errors import EventSystemError
from event_system.kernel.tasks import end
from event_system.sql.tables.log import EVENTS, ID_FILTERS

STRETCH_EVENTS: Final = 2**20
FALSE_POSITIVES: Final = 1e-5
"""Of one filter and one id. At three bytes an event the filter is what the memory goes to."""

LOOK_SECONDS = 1.0
_KEYS_AT_ONCE = 4096
_log = logging.getLogger(__name__)


class Window(NamedTuple):
    """How far back twins count: `us` before a row's receipt, all at `young` or later.

    `filters` know the ids of all events from `young` to `known`.
    """

    us: int
    young: int
    known: int = 0
    filters: tuple[Bloom, ...] = ()

    def since(self, keys: Iterable[int]) -> int:
        """From which offset on there may be events whose ids have one of these keys."""
        if not self.filters:
            return self.young
        for key in keys:
            for known in self.filters:
                if key in known:
                    return self.young
        return self.known + 1


class IdFilters:
    """The filters of one log: loaded or built by a task of their own, and grown by `learn`.

    Stretch n holds the offsets from `n * stretch + 1` on. It is closed once the log's head has
    reached its end: events become visible in the order of their offsets, so no more come. `head` is
    the offset after which `learn` begins to tell.
    """

    def __init__(self, reader: Reader, head: int) -> None:
        self._database = reader.database
        self._reader = reader
        self._stretch = STRETCH_EVENTS
        self._filters: dict[int, Bloom] = {}
        self._unsaved: list[int] = []
        self._open = _Open(head, self._stretch)
        self._young: int | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, changed: Callable[[], None]) -> None:
        """Load and build filters, once it is known from where; `changed` is told of each one."""
        self._task = asyncio.create_task(self._run(changed), name="eventlog-id-filters")

    async def stop(self) -> None:
        if self._task is not None:
            await end(self._task)

    def reach(self, young: int) -> None:
        """Events before this offset are of no interest any more."""
        self._young = young

    def learn(self, commit: Commit) -> bool:
        """Take in what the node is told of, commit by commit; whether more is known now."""
        first, keys = commit.first, [row[0] for row in commit.rows]
        while keys:
            while first > self._open.end:  # what stood between has been deleted
                self._close()
            room = self._open.end - first + 1
            self._open.add(first, keys[:room])
            if self._open.known == self._open.end:
                self._close()
            first, keys = first + room, keys[room:]
        return bool(commit.rows) and self._open.is_whole

    def _close(self) -> None:
        """The open stretch has come to its end."""
        number = self._open.number
        if self._open.is_whole:
            self._filters[number] = self._open.filter
            self._unsaved.append(number)
        self._open = _Open(self._open.end, self._stretch)

    def window(self, us: int, young: int) -> Window:
        """The window from `young` on, with filters as far as there are any without a gap."""
        number = first = self._number(young)
        while number in self._filters:
            number += 1
        filters = [self._filters[n] for n in range(first, number)]
        known = number * self._stretch
        if number == self._open.number and self._open.is_whole:
            filters.append(self._open.filter)
            known = self._open.known
        return Window(us, young, known if filters else 0, tuple(filters))

    def _number(self, offset: int) -> int:
        return max(0, offset - 1) // self._stretch

    async def _run(self, changed: Callable[[], None]) -> None:
        while True:
            try:
                if await self._improve():
                    changed()
                    continue
            except Exception as error:  # noqa: BLE001 - whatever it is, the long way is open
                _log.warning("duplicates are looked for the long way: no filter of ids: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def _improve(self) -> bool:
        """Whether more ids are known than before."""
        if (number := await self._missing()) is not None:
            self._filters[number] = await self._load(number) or await self._build(number)
            return True
        if self._young is not None and not self._open.is_whole:
            return await self._fill(self._open)
        while self._unsaved:
            number = self._unsaved[0]
            if number in self._filters:
                await self._save(number, self._filters[number].save_bytes())
            self._unsaved.pop(0)
        return False

    async def _missing(self) -> int | None:
        """A closed stretch of the window that has no filter; those before it have no use any more."""
        if self._young is None:
            return None
        first = self._number(self._young)
        await self._forget(first)
        closed = range(first, self._reader.head() // self._stretch)
        return next((number for number in closed if number not in self._filters), None)

    async def _forget(self, first: int) -> None:
        if any(number < first for number in self._filters):
            self._filters = {n: kept for n, kept in self._filters.items() if n >= first}
            async with self._database.transaction() as connection:
                stretch, number = ID_FILTERS.c.stretch, ID_FILTERS.c.number
                old = sa.delete(ID_FILTERS).where(stretch == self._stretch, number < first)
                await connection.execute(old)

    async def _load(self, number: int) -> Bloom | None:
        chosen = sa.select(ID_FILTERS.c.bits).where(
            ID_FILTERS.c.stretch == self._stretch, ID_FILTERS.c.number == number
        )
        async with self._reader.connection() as connection:
            bits = await connection.scalar(chosen)
        return None if bits is None else self._read(number, bytes(bits))

    def _read(self, number: int, bits: bytes) -> Bloom | None:
        """What is torn is built anew, by each node."""
        if len(bits) == len(_empty(self._stretch).save_bytes()):
            return Bloom.load_bytes(bits, operator.index)
        _log.warning("filter %d in the table id_filters is torn: delete it", number)
        return None

    async def _build(self, number: int) -> Bloom:
        """Read the ids of a stretch, a few at a time: others use the loop and the server too."""
        filter_ = _empty(self._stretch)
        await self._read_into(filter_, number * self._stretch + 1, (number + 1) * self._stretch)
        await self._save(number, filter_.save_bytes())
        return filter_

    async def _fill(self, open_: _Open) -> bool:
        """Read what the open stretch had before this node heard of it, once the tables have it."""
        if self._reader.head() < open_.heard_from - 1:
            return False
        await self._read_into(open_.filter, open_.first, open_.heard_from - 1)
        open_.is_whole = True
        return True

    async def _read_into(self, filter_: Bloom, first: int, last: int) -> None:
        for start in range(first, last + 1, _KEYS_AT_ONCE):
            through = min(start + _KEYS_AT_ONCE - 1, last)
            keys = sa.select(EVENTS.c.id_key).where(EVENTS.c.offset.between(start, through))
            async with self._reader.connection() as connection:
                filter_.update((await connection.execute(keys)).scalars())

    async def _save(self, number: int, bits: bytes) -> None:
        """Keep a filter for other nodes; without that each of them builds its own."""
        row = {"stretch": self._stretch, "number": number, "bits": bits}
        try:
            async with self._database.transaction() as connection:
                await connection.execute(_insert(connection.dialect.name), row)
        except EventSystemError as error:
            _log.warning("a filter of ids is not kept for other nodes: %s", error)


class _Open:
    """The filter of the stretch that comes after an offset, or has begun before it.

    It has what was told from `heard_from` on, up to `known`, and is whole where that is all.
    """

    def __init__(self, after: int, stretch: int) -> None:
        self.number = after // stretch
        self.first = self.number * stretch + 1
        self.end = self.first + stretch - 1
        self.filter = _empty(stretch)
        self.heard_from = after + 1
        self.known = after
        self.is_whole = self.heard_from == self.first

    def add(self, first: int, keys: Sequence[int]) -> None:
        """Take in events from this offset on; between them and those before there are none."""
        self.filter.update(keys)
        self.known = first + len(keys) - 1


def _empty(stretch: int) -> Bloom:
    return Bloom(stretch, FALSE_POSITIVES, operator.index)


def _insert(dialect: str) -> Any:
    """Add a filter; one that is there already stays as it is."""
    if dialect == "postgresql":
        return postgresql.insert(ID_FILTERS).on_conflict_do_nothing()
    return mysql.insert(ID_FILTERS).on_duplicate_key_update(number=ID_FILTERS.c.number)
