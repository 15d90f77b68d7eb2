"""The catalogue of a node: entries, how they change, and the rules that follow from them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from event_system.events.catalogue.changes import (
    check_compatible,
    check_room,
    extended,
    renewed,
    written,
)
from event_system.events.catalogue.check import EntryCheck, Tally
from event_system.events.catalogue.entry import (
    PLATFORM,
    EntryDraft,
    TypeEntry,
    VersionDraft,
    check_name,
)
from event_system.events.limiter import TypeRates
from event_system.events.ports import CatalogueStore, TypeRule
from event_system.kernel.clock import Clock
from event_system.kernel.errors import (
    ReadOnlyTypeError,
    TypeChangedError,
    TypeConflictError,
    TypeNotFoundError,
    UnknownTypeError,
)
from event_system.kernel.lanes import type_key
from event_system.kernel.threads import in_thread

_log = logging.getLogger(__name__)
NOTICE_SECONDS: Final = 600.0
MAX_NOTICES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Change:
    """How a change is meant: `revision` is what it was made from, `force` overrides checks."""

    revision: int | None = None
    force: bool = False


class Catalogue:
    """All event types of a node. Implements `TypeRules`.

    Entries are stored ones, which the API changes, and declared ones (of files or code), which
    stand before stored ones of the same name. A change is on stable storage before it is in
    force, and in force when its call returns; whoever watches is called then. Everything runs
    on the event loop's thread.
    """

    def __init__(self, store: CatalogueStore, clock: Clock) -> None:
        self._accept_unknown = True
        self._watchers: list[Callable[[], None]] = []
        self.tally = Tally(self._notice)
        self._store = store
        self._clock = clock
        self._stored = {entry.name: entry for entry in store.load()}
        self._declared: Mapping[str, TypeEntry] = {}
        self._checks: dict[str, EntryCheck] = {}
        self._noticed: dict[tuple[str, str], float] = {}
        self._changing = asyncio.Lock()

    def watch(self, changed: Callable[[], None]) -> None:
        """Call this now, and after every change."""
        self._watchers.append(changed)
        changed()

    def _changed(self) -> None:
        for changed in self._watchers:
            changed()

    async def look(self) -> None:
        """Go on with what is stored now: other nodes may have changed it. Raises `StorageError`."""
        async with self._changing:
            await self._look()

    async def _look(self) -> None:
        found = {entry.name: entry for entry in await in_thread(self._store.load)}
        if found == self._stored:
            return
        for name in {*found, *self._stored} - self._declared.keys():
            if found.get(name) != self._stored.get(name):
                self._checks.pop(name, None)
        self._stored = found
        self._changed()

    # Looking

    def get(self, name: str) -> TypeEntry:
        """The entry in force. Raises `TypeNotFoundError`."""
        entry = self.find(name)
        if entry is None:
            raise _unknown(name)
        return entry

    def find(self, name: str) -> TypeEntry | None:
        """The entry in force; None where there is none."""
        return self._declared.get(name) or self._stored.get(name)

    def entries(self, after: str = "") -> Iterator[TypeEntry]:
        """The entries in force whose names come after this one, ordered by name."""
        names = {*self._stored, *self._declared}
        for name in sorted(each for each in names if each > after):
            yield self.get(name)

    # Rules

    def rule_of(self, type_: str) -> TypeRule:
        entry = self.find(type_)
        if entry is None:
            if self._accept_unknown or type_.startswith(PLATFORM):
                return TypeRule(type_key(type_))
            raise UnknownTypeError(f"{type_} is not in the catalogue", where="$.type")
        check = self.check_of(entry)
        return TypeRule(type_key(type_), check.__call__ if check.needed else None)

    def rates(self) -> TypeRates:
        """The rates of all types that have one."""
        entries = {**self._stored, **self._declared}.items()
        limits = ((name, entry.rate_limit) for name, entry in entries)
        return TypeRates({name: limit.rate for name, limit in limits if limit is not None})

    def check_of(self, entry: TypeEntry) -> EntryCheck:
        """What holds events against the entry in force."""
        check = self._checks.get(entry.name)
        if check is None:
            check = self._checks[entry.name] = EntryCheck(entry, self.tally)
        return check

    def accept(self, *, unknown: bool) -> None:
        """Whether types without an entry are welcome."""
        self._accept_unknown = unknown
        self._changed()

    def _notice(self, name: str, text: str) -> None:
        now = self._clock.monotonic()
        last = self._noticed.get((name, text))
        if last is not None and now - last < NOTICE_SECONDS:
            return
        if len(self._noticed) >= MAX_NOTICES:
            self._noticed.clear()
        self._noticed[name, text] = now
        _log.warning("%s %s", name, text, extra={"context": {"type": name}})

    # Changing

    async def put(self, name: str, draft: EntryDraft, change: Change) -> TypeEntry:
        """Create an entry, or replace all of it but its versions.

        Raises `InvalidTypeError`, `IncompatibleSchemaError`, `TypeChangedError`,
        `TypeConflictError`, `ReadOnlyTypeError`, `TypeLimitError` and `StorageError`; nothing has
        changed then.
        """
        check_name(name)
        async with self._changing:
            before = await self._open(name, change)
            entry = written(name, draft, before)
            if before is not None and not change.force:
                check_compatible(before, entry)
            return await self._keep(entry, before, change)

    async def add_version(self, name: str, draft: VersionDraft, change: Change) -> TypeEntry:
        """Add a version, which becomes the current one. Raises as `put` does."""
        async with self._changing:
            before = await self._known(name, change)
            entry = extended(before, draft)
            if not change.force:
                check_compatible(before, entry)
            return await self._keep(entry, before, change)

    async def delete(self, name: str, change: Change) -> None:
        """Forget a type and its versions; its events stay. Raises `TypeNotFoundError`."""
        async with self._changing:
            before = await self._known(name, change)
            await self._make(self._store.delete(before), change)
            del self._stored[name]
            self._checks.pop(name, None)
            self._changed()

    def declare(self, entries: Iterable[TypeEntry]) -> None:
        """Replace all declared entries; they have been checked."""
        self._declared = {entry.name: entry for entry in entries}
        for name in sorted(self._declared.keys() & self._stored.keys()):
            origin = self._declared[name].origin
            _log.warning("%s is declared in %s, which hides the stored entry", name, origin)
        self._checks.clear()
        self._changed()

    async def _open(self, name: str, change: Change) -> TypeEntry | None:
        """The stored entry, open to this change."""
        if declared := self._declared.get(name):
            origin = declared.origin
            raise ReadOnlyTypeError(f"{name} is declared in {origin}", where=origin)
        if change.revision not in (None, self._revision(name)):
            await self._look()  # the change may be made from what another node has shown
            if (revision := self._revision(name)) != change.revision:
                raise TypeChangedError(
                    f"{name} is at revision {revision}, not {change.revision}", where=name
                )
        return self._stored.get(name)

    async def _known(self, name: str, change: Change) -> TypeEntry:
        """The stored entry; where there is none, another node may just have made it."""
        if (entry := await self._open(name, change)) is None:
            await self._look()
            if (entry := self._stored.get(name)) is None:
                raise _unknown(name)
        return entry

    def _revision(self, name: str) -> int:
        stored = self._stored.get(name)
        return 0 if stored is None else stored.revision

    async def _make(self, changed: Coroutine[Any, Any, None], change: Change) -> None:
        try:
            await changed
        except TypeConflictError as error:
            await self._look()
            if change.revision is not None:
                raise TypeChangedError(error.detail, where=error.where) from error
            raise

    async def _keep(self, entry: TypeEntry, before: TypeEntry | None, change: Change) -> TypeEntry:
        check_room(entry, self._stored)
        entry = renewed(entry, before, self._clock.now_us())
        check = EntryCheck(entry, self.tally)  # compiles: raises for a schema that is none
        await self._make(self._store.put(entry, before), change)
        self._stored[entry.name] = entry
        self._checks[entry.name] = check
        self._changed()
        return entry


def _unknown(name: str) -> TypeNotFoundError:
    return TypeNotFoundError(f"the catalogue has no {name[:100]!r}", where=name[:100])
