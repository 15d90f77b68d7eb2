"""A node inside another program: the event core without sockets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from event_system.events.codec import Draft, invalid
from event_system.events.event import Event
from event_system.events.listener import listeners_of
from event_system.events.ports import Deliveries, History, Receipt
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import BatchTooLargeError, InvalidEventError
from event_system.node.core import Core, Machine
from event_system.node.listeners import Found
from event_system.node.settings import EventSettings

_encode = msgspec.json.Encoder().encode


class EventSystem:
    """Events for your own process, on disk before `trigger` returns.

        async with EventSystem("data", listeners=[greet]) as es:
            receipt = await es.trigger("player.level_up", {"level": 10}, subject="p1")

    `listeners` are functions declared with `@listener`, `Listener`s, or modules of them.
    `settings` are those of the `event` section. One process at a time may use `data_dir`.
    """

    def __init__(
        self,
        data_dir: str | Path = "data",
        *,
        listeners: Iterable[Any] = (),
        source: str = "python",
        settings: EventSettings | None = None,
        shutdown_grace: float = 10.0,
    ) -> None:
        self._data_dir = Path(data_dir)
        self._found = Found([found for thing in listeners for found in listeners_of(thing)])
        self._source = source
        self._settings = settings or EventSettings()
        self._grace = shutdown_grace
        self._core: Core | None = None

    async def __aenter__(self) -> EventSystem:
        machine = Machine(SystemClock(), os.urandom)
        self._core = Core(self._data_dir, self._settings, self._found, {}, machine)
        await self._core.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._running.stop(self._grace)
        self._core = None

    @property
    def _running(self) -> Core:
        if self._core is None:
            raise RuntimeError("EventSystem is used outside of its `async with` block")
        return self._core

    @property
    def history(self) -> History:
        """Stored events, looked up."""
        return self._running.log.history

    @property
    def deliveries(self) -> Deliveries:
        """Listeners with their lag, and single deliveries."""
        return self._running.deliveries

    async def trigger(
        self,
        type_: str,
        data: Any = None,
        *,
        subject: str | None = None,
        source: str | None = None,
        id: str | None = None,
        traceparent: str | None = None,
    ) -> Receipt:
        """Store one event and run its sync listeners.

        `data` is anything that JSON can say. Raises `InvalidEventError` and `StorageError`.
        """
        draft = _draft(
            {"type": type_, "data": data, "subject": subject, "source": source, "id": id}
        )
        return await self._running.manager.trigger(draft, self._source, traceparent)

    async def trigger_batch(self, events: Sequence[dict[str, Any]]) -> list[Receipt]:
        """Store events of the short form, all in one transaction or none."""
        manager = self._running.manager
        if len(events) > manager.limits.max_batch_events:
            limit = manager.limits.max_batch_events
            raise BatchTooLargeError(f"{len(events)} events, over {limit}")
        rows = [manager.admit(_draft(event), self._source) for event in events]
        return await manager.trigger_rows(rows)

    async def settled(self, event: Event, timeout: float = 5.0) -> bool:
        """Wait until every async listener has handled the event."""
        return await self._running.deliveries.settled(event, timeout)


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
