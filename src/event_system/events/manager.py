"""The one door through which events come in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

import msgspec

from event_system.events.bulk import Bulk
from event_system.events.codec import CloudEventDraft, Draft, moment_us
from event_system.events.event import Event, Row, event_of, is_json
from event_system.events.idempotency import check_same
from event_system.events.ports import (
    Appended,
    EventLog,
    ListenerResult,
    Receipt,
    TypeRule,
    TypeRules,
)
from event_system.events.readable import SHORTEST, check_readable
from event_system.events.registry import Registered, Registry
from event_system.kernel.clock import Clock
from event_system.kernel.errors import (
    EventSystemError,
    EventTooLargeError,
    InvalidEventError,
    StoppingError,
)
from event_system.kernel.ids import IdFactory
from event_system.kernel.lanes import id_key, source_key, subject_key, type_key
from event_system.kernel.patterns import is_event_type
from event_system.kernel.tasks import settle

MAX_CACHED_NAMES = 10_000
T = TypeVar("T")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one event or batch may be; sizes in bytes."""

    max_event_size: int = 1_048_576
    max_batch_events: int = 10_000


class Outcome(Protocol):
    """What came of running sync listeners."""

    def results(self) -> Sequence[ListenerResult]:
        """The outcome of each that ran, in order."""


class SyncDispatcher(Protocol):
    """Runs sync listeners."""

    async def run(self, event: Event, listeners: Sequence[Registered]) -> Outcome:
        """Call each in order; never raises for a listener's fault."""


class AnyType:
    """The rules where there is no catalogue: every type is welcome."""

    def rule_of(self, type_: str) -> TypeRule:
        return TypeRule(type_key(type_))


class EventManager:
    """Checks drafts, stores them, runs sync listeners.

    `admit` is pure: a draft becomes a row of the log or an error. Everything runs on the
    event loop's thread.
    """

    def __init__(
        self,
        log: EventLog,
        sync: SyncDispatcher,
        *,
        registry: Registry,
        clock: Clock,
        ids: IdFactory,
        lanes: int,
        last_received_us: int,
    ) -> None:
        self.registry = registry
        self.limits = Limits()
        self.accepting = True
        self._log = log
        self._sync = sync
        self._now_us = clock.now_us
        self._next_id = ids.next
        self._lanes = lanes
        self._last_us = last_received_us
        self._types: TypeRules = AnyType()
        self._rules: dict[str, TypeRule] = {}
        self._source_keys: dict[str, int] = {}
        self._bulk = Bulk(
            rule_of=lambda type_: self._rules.get(type_) or self._rule_of(type_),
            source_key=lambda source: self._source_keys.get(source) or self._check_source(source),
            check_data=lambda data: self._check_data(data, None),
            next_id=ids.next,
            lanes=lanes,
        )

    def admit(self, draft: Draft, source: str, traceparent: str | None = None) -> Row:
        """The row of a draft. `source` is the sender's, where the draft names none.

        Raises `InvalidEventError` (with the member in `where`) and `StoppingError`.
        """
        if not self.accepting:
            raise StoppingError
        now = self._now_us()
        if now < self._last_us:  # noqa: PLR1730 - offsets and times of receipt grow together
            now = self._last_us
        self._last_us = now
        type_, id_, subject = draft.type, draft.id, draft.subject
        rule = self._rules.get(type_) or self._rule_of(type_)
        source = draft.source or source
        sources = self._source_keys.get(source) or self._check_source(source)
        if id_ is None:
            id_ = self._next_id(now)
        elif not id_.isprintable():
            _refuse_control(id_, "$.id")
        ids = id_key(id_)
        if subject is None:
            subjects, lane = None, ids % self._lanes
        else:
            if not subject.isprintable():
                _refuse_control(subject, "$.subject")
            subjects = subject_key(subject)
            lane = subjects % self._lanes
        if type(draft) is Draft:
            media_type = extensions = None
        else:
            media_type, extensions, traceparent = _content_attributes(draft, traceparent)
        data = draft.body
        if data is not None and (
            (size := len(data)) > SHORTEST or size > self.limits.max_event_size
        ):
            self._check_data(data, media_type)
        if rule.check is not None:
            rule.check(draft, data)
        trace = None if traceparent is None else _well_formed(traceparent)
        time_us = now if draft.time is None else moment_us(draft.time)
        # fmt: off
        return (
            ids, subjects, rule.key, sources, lane, type_, source, id_, subject,
            time_us, now, media_type, trace, extensions, data,
        )
        # fmt: on

    def admit_all(
        self,
        drafts: Sequence[Draft | EventSystemError],
        source: str,
        traceparent: str | None = None,
    ) -> Sequence[Row | EventSystemError]:
        """As `admit` for each draft; what refuses an event, or is given for it, in its place.

        Raises `StoppingError`.
        """
        if not self.accepting:
            raise StoppingError
        return self._at_once(drafts, source, traceparent) or [
            self._one_of_many(draft, source, traceparent) for draft in drafts
        ]

    def _at_once(
        self,
        drafts: Sequence[Draft | EventSystemError],
        source: str,
        traceparent: str | None,
    ) -> Sequence[Row | EventSystemError] | None:
        """None where one of the drafts has to be looked at by itself."""
        if set(map(type, drafts)) != {Draft}:
            return None
        try:
            return self._bulk.admit(
                cast("Sequence[Draft]", drafts),
                sender=source,
                trace=None if traceparent is None else _well_formed(traceparent),
                now_us=self.stamp(),
                welcome_bytes=min(SHORTEST, self.limits.max_event_size),
            )
        except EventSystemError:
            return None

    def _one_of_many(
        self, draft: Draft | EventSystemError, source: str, traceparent: str | None
    ) -> Row | EventSystemError:
        if isinstance(draft, EventSystemError):
            return draft
        try:
            return self.admit(draft, source, traceparent)
        except EventSystemError as error:
            return error

    def stamp(self) -> int:
        """The moment of receipt for what is stored next: never before the one given last."""
        self._last_us = max(self._last_us, self._now_us())
        return self._last_us

    def use_rules(self, types: TypeRules) -> None:
        """Ask `types` for the rules of all types from now on; again when they have changed."""
        self._types = types
        self._rules.clear()

    def new_id(self) -> str:
        """An id that no other event has, such as `admit` gives to those without one."""
        return self._next_id(self.stamp())

    def _rule_of(self, type_: str) -> TypeRule:
        if not is_event_type(type_):
            raise InvalidEventError(
                "`type` is dotted segments of letters, digits, `_` and `-`, 255 at most",
                where="$.type",
            )
        return _remember(self._rules, type_, self._types.rule_of(type_))

    def _check_source(self, source: str) -> int:
        if not source.isprintable():
            _refuse_control(source, "$.source")
        return _remember(self._source_keys, source, source_key(source))

    def _check_data(self, data: bytes, media_type: str | None) -> None:
        """Raise `EventTooLargeError` or, for JSON that not everybody could read, as it does."""
        if len(data) > self.limits.max_event_size:
            raise EventTooLargeError(
                f"data has {len(data)} bytes, over {self.limits.max_event_size}", where="$.data"
            )
        if is_json(media_type):
            check_readable(data)

    def store(self, rows: Sequence[Row], append: Callable[[Appended], None]) -> None:
        """Store admitted rows; `append` is called with their offsets once they are durable."""
        self._log.submit(rows, append)

    async def check_same(self, row: Row, offset: int) -> None:
        """Raise `IdempotencyConflictError` where the event stored there is another."""
        check_same(row, (await self._log.read(offset - 1, 1)).events, offset)

    async def store_if(self, row: Row, expected: int) -> int:
        """As `EventLog.append_if`."""
        return await self._log.append_if(row, expected)

    async def trigger_if(self, row: Row, expected: int) -> Receipt:
        """As `store_if`, with the sync listeners."""
        return await self._receipt(row, await self.store_if(row, expected))

    def sync_listeners(self, type_: str) -> tuple[Registered, ...]:
        return self.registry.route(type_).sync

    async def run_sync(self, row: Row, offset: int) -> tuple[ListenerResult, ...]:
        """Run the sync listeners of a stored row; empty where it has none."""
        listeners = self.sync_listeners(row[5])
        if not listeners:
            return ()
        outcome = await self._sync.run(event_of(offset, row), listeners)
        return tuple(outcome.results())

    async def trigger(self, draft: Draft, source: str, traceparent: str | None = None) -> Receipt:
        """Store one event, run its sync listeners, and tell where it is."""
        return (await self.trigger_rows([self.admit(draft, source, traceparent)]))[0]

    async def trigger_rows(self, rows: Sequence[Row]) -> list[Receipt]:
        """Store admitted rows in one transaction and run their sync listeners in order."""
        if not rows:
            return []
        stored: asyncio.Future[Sequence[int]] = asyncio.get_running_loop().create_future()
        self.store(rows, lambda appended: settle(stored, appended))
        offsets = await stored
        return [await self._receipt(row, at) for row, at in zip(rows, offsets, strict=True)]

    async def _receipt(self, row: Row, offset: int) -> Receipt:
        if offset < 0:
            return Receipt(row[7], -offset, duplicate=True)
        return Receipt(row[7], offset, results=await self.run_sync(row, offset))


def _content_attributes(
    draft: Draft, traceparent: str | None
) -> tuple[str | None, bytes | None, str | None]:
    """Media type, extensions as JSON, and the trace: the event's own goes before the request's."""
    if not isinstance(draft, CloudEventDraft):
        return None, None, traceparent
    extensions = draft.extensions
    own = extensions.get("traceparent")
    if isinstance(own, str) and _TRACEPARENT.fullmatch(own):
        traceparent = own
        del extensions["traceparent"]
    return draft.media_type, msgspec.json.encode(extensions) if extensions else None, traceparent


def _well_formed(traceparent: str) -> str | None:
    return traceparent if _TRACEPARENT.fullmatch(traceparent) else None


def _refuse_control(text: str, where: str) -> None:
    if _CONTROL.search(text):
        raise InvalidEventError("control characters are not allowed", where=where)


def _remember(cache: dict[str, T], name: str, found: T) -> T:
    if len(cache) >= MAX_CACHED_NAMES:
        cache.clear()
    cache[name] = found
    return found
