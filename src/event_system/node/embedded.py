"""A node inside another program: the event core without sockets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from pydantic import SecretStr

from event_system.cache.cache import Cache
from event_system.delivery.replays.replays import Replays
from event_system.events.codec import Draft, invalid
from event_system.events.event import Event, Row
from event_system.events.idempotency import check_key, give_id, give_ids
from event_system.events.ports import Deliveries, History, Receipt
from event_system.events.preconditions import check_conditional
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import BatchTooLargeError, EventSystemError, InvalidEventError
from event_system.metrics.manager import MetricsManager
from event_system.node.backbone_settings import BackboneSettings
from event_system.node.cache_settings import CacheSettings
from event_system.node.caching import Caching
from event_system.node.core import Core
from event_system.node.database_settings import DatabaseSettings
from event_system.node.listeners import Found, given_listeners
from event_system.node.machine import Machine
from event_system.node.node_settings import NodeSettings
from event_system.node.redis_settings import RedisSettings
from event_system.node.settings import EventSettings
from event_system.node.sharing import sharing_of
from event_system.node.storage import open_stores
from event_system.node.type_files import declared_types
from event_system.scheduling.delayed import DelayedEvents
from event_system.scheduling.schedules import Schedules

_encode = msgspec.json.Encoder().encode


class EventSystem:
    """Events for your own process, on disk before `trigger` returns.

        async with EventSystem("data", listeners=[greet]) as es:
            receipt = await es.trigger("player.level_up", {"level": 10}, subject="p1")

    `listeners` are functions declared with `@listener`, `@warm_up`, `@register_metrics` or
    `@collector`, `Listener`s, or modules of them.
    `types` are event types: mappings with a `name` and the members of an entry of a file, or
    paths of files and folders.
    `settings` are those of the `event` section; `machine` is where time and chance come from.
    One process at a time may use `data_dir`. With `database`, a connection string or the
    settings of the `database` section, events and state are there, and `data_dir` holds only
    what is of this process. With `redis`, a URL or the settings of the `redis` section, what
    listeners cache is there too; `cache` are the settings of the `cache` section.
    """

    def __init__(  # noqa: PLR0913 - what a node can be given
        self,
        data_dir: str | Path = "data",
        *,
        listeners: Iterable[Any] = (),
        types: Iterable[Mapping[str, Any] | str | Path] = (),
        source: str = "python",
        settings: EventSettings | None = None,
        database: str | DatabaseSettings | None = None,
        redis: str | RedisSettings | None = None,
        cache: CacheSettings | None = None,
        shutdown_grace: float = 10.0,
        machine: Machine | None = None,
    ) -> None:
        self._data_dir = Path(data_dir)
        self._found = given_listeners(listeners)
        self._types = declared_types(types)
        self._source = source
        self._settings = settings or EventSettings()
        self._database = _database_settings(database)
        self._redis = _redis_settings(redis)
        self._cache_settings = cache or CacheSettings()
        self._cache: Cache | None = None
        self._opened = AsyncExitStack()
        self._grace = shutdown_grace
        self._machine = machine
        self._core: Core | None = None

    async def __aenter__(self) -> EventSystem:
        async with AsyncExitStack() as opened:
            machine = self._machine or _this_machine()
            caching = await self._open_cache(machine, opened)
            self._core = await self._open_core(machine, caching.given_to(self._found), opened)
            self._cache = caching.cache
            self._opened = opened.pop_all()
        return self

    async def _open_cache(self, machine: Machine, opened: AsyncExitStack) -> Caching:
        sharing = sharing_of(self._redis)
        if sharing is not None:
            opened.push_async_callback(sharing.close)
            await sharing.start()
        caching = Caching(self._cache_settings, machine.clock, machine.random_bytes, sharing)
        opened.push_async_callback(caching.close)
        await caching.start()
        await caching.warm_up(self._found.warm_ups)
        return caching

    async def _open_core(self, machine: Machine, found: Found, opened: AsyncExitStack) -> Core:
        stores = await open_stores(
            *(self._database, BackboneSettings(), self._data_dir, self._settings),
            NodeSettings(),
            machine.clock,
        )
        try:
            machine = replace(machine, clock=stores.clock)
            core = Core(stores, self._settings, found, {}, machine)
            core.catalogue.declare(self._types)
        except BaseException:
            await stores.close()
            raise
        opened.push_async_callback(self._end_core, core)
        await core.start()
        return core

    async def _end_core(self, core: Core) -> None:
        """With no grace where the start did not come to its end."""
        await core.stop(self._grace if self._core is core else 0)
        self._core = None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._opened.aclose()
        self._cache = None

    @property
    def _running(self) -> Core:
        if self._core is None:
            raise RuntimeError("EventSystem is used outside of its `async with` block")
        return self._core

    @property
    def cache(self) -> Cache:
        """What listeners with a parameter `cache` get."""
        if self._cache is None:
            raise RuntimeError("EventSystem is used outside of its `async with` block")
        return self._cache

    @property
    def metrics(self) -> MetricsManager:
        """What listeners with a parameter `metrics` get."""
        return self._running.metrics_manager

    @property
    def history(self) -> History:
        """Stored events, looked up."""
        return self._running.log.history

    @property
    def delayed(self) -> DelayedEvents:
        """Events that wait for their time: found, cancelled."""
        return self._running.delayed

    @property
    def schedules(self) -> Schedules:
        """Cron schedules."""
        return self._running.schedules

    @property
    def replays(self) -> Replays:
        """Stored events shown to a listener again: started, looked at, cancelled."""
        return self._running.replays

    @property
    def deliveries(self) -> Deliveries:
        """Listeners with their lag, and single deliveries."""
        return self._running.deliveries

    async def trigger(  # noqa: PLR0913 - the members of an event
        self,
        type_: str,
        data: Any = None,
        *,
        subject: str | None = None,
        source: str | None = None,
        id: str | None = None,
        deliver_at: datetime | None = None,
        traceparent: str | None = None,
        idempotency_key: str | None = None,
        expected_offset: int | None = None,
    ) -> Receipt:
        """Store one event and run its sync listeners.

        `data` is anything that JSON can say. `idempotency_key` makes it safe to try again
        without an `id`. With `deliver_at` (aware, up to 366 days ahead) the event waits on
        disk until then. With `expected_offset` it is stored only where the subject's last event
        stands there (0: has none), else `PreconditionFailedError` tells where that stands.
        Raises `InvalidEventError`, `IdempotencyConflictError` (the key was
        used for another event), `BacklogFullError` and `StorageError`.
        """
        members = {"type": type_, "data": data, "subject": subject, "source": source, "id": id}
        draft = _draft({**members, "deliver_at": deliver_at})
        self._running.backlog.check()
        manager = self._running.manager
        keyed = idempotency_key is not None and give_id(check_key(idempotency_key), draft)
        row = manager.admit(draft, self._source, traceparent)
        if expected_offset is None:
            (receipt,) = await self._store([draft], [row])
        else:
            check_conditional(draft)
            receipt = await manager.trigger_if(row, expected_offset)
        if keyed and receipt.duplicate:
            await self._check_same(row, receipt.offset)
        return receipt

    async def _check_same(self, row: Row, offset: int) -> None:
        if offset:
            await self._running.manager.check_same(row, offset)
        else:
            await self._running.delayed.check_same(row)

    async def last_offset(self, subject: str) -> int:
        """Where the last event of a subject stands; 0 where it has none."""
        return await self._running.log.last_of(subject)

    async def _store(self, drafts: Sequence[Draft], rows: Sequence[Row]) -> list[Receipt]:
        core = self._running
        if all(draft.deliver_at is None for draft in drafts):
            return await core.manager.trigger_rows(rows)
        return await core.delayed.trigger(list(map(core.delayed.held, drafts, rows)))

    async def trigger_batch(
        self, events: Sequence[dict[str, Any]], *, idempotency_key: str | None = None
    ) -> list[Receipt]:
        """Store events of the short form, all in one transaction or none.

        With an `idempotency_key` the same batch can be sent again: it gets the same ids.
        """
        self._running.backlog.check()
        manager = self._running.manager
        if len(events) > manager.limits.max_batch_events:
            limit = manager.limits.max_batch_events
            raise BatchTooLargeError(f"{len(events)} events, over {limit}")
        drafts = [_draft(event) for event in events]
        if idempotency_key is not None:
            give_ids(check_key(idempotency_key), drafts)
        return await self._store(drafts, _rows(manager.admit_all(drafts, self._source)))

    async def settled(self, event: Event, timeout: float = 5.0) -> bool:
        """Wait until every async listener has handled the event."""
        return await self._running.deliveries.settled(event, timeout)


def _this_machine() -> Machine:
    return Machine(SystemClock(), os.urandom, asyncio.get_running_loop().call_later)


def _database_settings(given: str | DatabaseSettings | None) -> DatabaseSettings:
    if isinstance(given, str):
        return DatabaseSettings(enabled=True, dsn=SecretStr(given))
    return given or DatabaseSettings()


def _redis_settings(given: str | RedisSettings | None) -> RedisSettings:
    if isinstance(given, str):
        return RedisSettings(url=SecretStr(given))
    return given or RedisSettings()


def _rows(admitted: Sequence[Row | EventSystemError]) -> list[Row]:
    rows = []
    for row in admitted:
        if isinstance(row, EventSystemError):
            raise row
        rows.append(row)
    return rows


def _draft(members: dict[str, Any]) -> Draft:
    data = members.get("data")
    plain = {k: v for k, v in members.items() if k != "data" and v is not None}
    try:
        draft = msgspec.convert(plain, Draft)
        if data is not None:
            draft.data = msgspec.Raw(_encode(data))
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEventError(f"data is not JSON: {error}", where="$.data") from error
    return draft
