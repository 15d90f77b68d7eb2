"""Which listeners see an event type, found without looking at the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from event_system.events.conditions import Condition, compile_condition
from event_system.events.listener import Listener
from event_system.kernel.errors import ListenerDefinitionError
from event_system.kernel.patterns import PatternIndex, parse_pattern

MAX_CACHED_TYPES = 10_000


@dataclass(frozen=True, slots=True)
class Registered:
    """A listener with its compiled filter."""

    listener: Listener
    condition: Condition | None


@dataclass(frozen=True, slots=True)
class Route:
    """The listeners of one event type: sync ones in their order, async ones by name."""

    sync: tuple[Registered, ...]
    deferred: tuple[Registered, ...]


class Registry:
    """All listeners of a node. Immutable: a reload makes a new one."""

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self.by_name: dict[str, Registered] = {}
        self._index: PatternIndex[Registered] = PatternIndex()
        self._routes: dict[str, Route] = {}
        for listener in listeners:
            self._add(listener)

    def _add(self, listener: Listener) -> None:
        if listener.name in self.by_name:
            raise ListenerDefinitionError(
                f"two listeners are called {listener.name!r}; give one of them a `name`",
                where=listener.name,
            )
        condition = compile_condition(listener.filter) if listener.filter else None
        entry = self.by_name[listener.name] = Registered(listener, condition)
        for pattern in listener.patterns:
            self._index.add(parse_pattern(pattern), entry)

    def route(self, type_: str) -> Route:
        """The listeners of a type. One dictionary look-up for a type seen before."""
        return self._routes.get(type_) or self._resolve(type_)

    def _resolve(self, type_: str) -> Route:
        found = {entry.listener.name: entry for entry in self._index.find(type_)}
        ordered = sorted(found.values(), key=lambda e: (-e.listener.priority, e.listener.name))
        route = Route(
            sync=tuple(e for e in ordered if e.listener.mode == "sync"),
            deferred=tuple(e for e in ordered if e.listener.mode == "async"),
        )
        if len(self._routes) >= MAX_CACHED_TYPES:
            self._routes.clear()
        self._routes[type_] = route
        return route
