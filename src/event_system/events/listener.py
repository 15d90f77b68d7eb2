"""Listeners: how they are declared, and what they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from event_system.events.retry import Retry
from event_system.kernel.errors import ListenerDefinitionError
from event_system.kernel.patterns import parse_pattern

Handler: TypeAlias = Callable[..., Any]
Mode: TypeAlias = Literal["sync", "async"]
Start: TypeAlias = Literal["now", "beginning"]
OnFailure: TypeAlias = Literal["park", "block"]

MAX_BATCH = 10_000
MAX_NAME_LENGTH = 100


class Stop:
    """Return `Stop(result)` from a sync listener to keep later ones from seeing the event."""

    __slots__ = ("result",)

    def __init__(self, result: Any = None) -> None:
        self.result = result


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A named consumer of events.

    `patterns` say which types it handles, `filter` is a CEL expression over `event` that must
    be true as well. `sync` listeners run by `priority` (higher first, ties by name) before
    the sender's answer; `async` ones follow the log with a durable cursor. `batch` > 0 hands
    an async listener lists of up to that many events and a transaction: `f(events, tx)`.
    `timeout` is seconds a call may take. `start` is where a new listener's cursor begins.
    `workers` is how many lanes are handled at once; None takes `event.async_workers`.
    `retry` says how often a failed event is tried; None takes `event.retry`. Meanwhile it is
    parked and the lane goes on (`on_failure="park"`), or the lane waits for it (`"block"`).
    With `process` the handler runs in one of the node's `event.worker_processes`, if it has any.
    """

    name: str
    patterns: tuple[str, ...]
    handler: Handler
    mode: Mode = "async"
    priority: int = 0
    filter: str | None = None
    timeout: float = 30.0
    batch: int = 0
    start: Start = "now"
    workers: int | None = None
    retry: Retry | None = None
    on_failure: OnFailure = "park"
    process: bool = False

    def __post_init__(self) -> None:
        for fault in _faults(self):
            raise ListenerDefinitionError(f"listener {self.name!r}: {fault}", where=self.name)
        for pattern in self.patterns:
            parse_pattern(pattern)

    @property
    def runs_in_thread(self) -> bool:
        return not inspect.iscoroutinefunction(inspect.unwrap(self.handler)) and not (
            inspect.iscoroutinefunction(getattr(self.handler, "__call__", None))  # noqa: B004
        )

    def with_settings(self, **changes: Any) -> Listener:
        """The same listener with an operator's settings in place of its own."""
        return replace(self, **changes)


def _faults(listener: Listener) -> list[str]:
    rules = {
        f"its name must have 1 to {MAX_NAME_LENGTH} printable characters": (
            0 < len(listener.name) <= MAX_NAME_LENGTH and listener.name.isprintable()
        ),
        "it needs at least one pattern": bool(listener.patterns),
        "its handler must be callable": callable(listener.handler),
        "mode must be 'sync' or 'async'": listener.mode in ("sync", "async"),
        "timeout must be above 0 and at most 86400 seconds": 0 < listener.timeout <= 86_400,
        f"batch must be 0 to {MAX_BATCH}": 0 <= listener.batch <= MAX_BATCH,
        "a batch listener must have mode 'async'": not (listener.batch and listener.mode == "sync"),
        "start must be 'now' or 'beginning'": listener.start in ("now", "beginning"),
        "workers must be at least 1": listener.workers is None or listener.workers >= 1,
        "on_failure must be 'park' or 'block'": listener.on_failure in ("park", "block"),
        "a sync listener cannot block": listener.mode != "sync" or listener.on_failure == "park",
        "a sync listener cannot have `process`: the sender waits for it": not (
            listener.process and listener.mode == "sync"
        ),
        "a batch listener cannot have `process`: its transaction is the node's": not (
            listener.process and listener.batch
        ),
    }
    return [text for text, holds in rules.items() if not holds]


_DECLARED = "__event_system_listeners__"
"""Where `@listener` leaves its declarations on a function, for `listeners_of` to find."""


def listener(  # noqa: PLR0913 - a declaration reads best in one call
    *patterns: str,
    name: str | None = None,
    mode: Mode = "async",
    priority: int = 0,
    filter: str | None = None,
    timeout: float = 30.0,
    batch: int = 0,
    start: Start = "now",
    workers: int | None = None,
    retry: Retry | None = None,
    on_failure: OnFailure = "park",
    process: bool = False,
) -> Callable[[Handler], Handler]:
    """Declare a function as listener; see `Listener` for the options.

    The name defaults to `module.function`. The function itself stays what it is, so it can
    be called in tests; several declarations on one function need names of their own.
    """

    def declare(handler: Handler) -> Handler:
        declared = Listener(
            name=name or f"{handler.__module__}.{handler.__qualname__}",
            patterns=patterns,
            handler=handler,
            mode=mode,
            priority=priority,
            filter=filter,
            timeout=timeout,
            batch=batch,
            start=start,
            workers=workers,
            retry=retry,
            on_failure=on_failure,
            process=process,
        )
        earlier = getattr(handler, _DECLARED, ())
        setattr(handler, _DECLARED, (*earlier, declared))
        return handler

    return declare


def listeners_of(thing: Any) -> tuple[Listener, ...]:
    """The listeners that a `Listener`, a decorated function, or a module's members declare."""
    if isinstance(thing, Listener):
        return (thing,)
    if inspect.ismodule(thing):
        members = {id(member): member for member in vars(thing).values()}
        return tuple(found for member in members.values() for found in _declared_by(member))
    found = _declared_by(thing)
    if not found:
        raise ListenerDefinitionError(f"{thing!r} declares no listener; decorate it with @listener")
    return found


def _declared_by(thing: Any) -> tuple[Listener, ...]:
    if isinstance(thing, Listener):
        return (thing,)
    return tuple(getattr(thing, _DECLARED, ())) if inspect.isroutine(thing) else ()
