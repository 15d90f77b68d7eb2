"""What all errors are, and the kinds that several rooms have their own of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar


class EventSystemError(Exception):
    """Something that event-system refuses or cannot do.

    `faults` are single things at fault where there are several, as JSON objects.
    """

    code: ClassVar[str] = "internal.error"
    title: ClassVar[str] = "Internal error"
    status: ClassVar[int] = 500
    remedy: ClassVar[str] = "Look at the node's log; the trace id of the answer finds the line."

    def __init__(self, detail: str = "", *, where: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.where = where
        self.faults: tuple[Any, ...] = ()


class UnavailableError(EventSystemError):
    """The node cannot take events now."""

    code = "node.unavailable"
    title = "The node cannot take events now"
    status = 503
    remedy = "Try again after the seconds in Retry-After; /health names the cause."


class StorageError(UnavailableError):
    """The store refused the write; nothing was stored."""

    code = "storage.failed"
    title = "The store could not write"
    remedy = "Look at the disk (space, permissions, health); the node's log has the cause."


class UnknownOutcomeError(StorageError):
    """The connection was lost while the commit was on its way: it may have been made."""

    code = "storage.unknown"
    title = "Whether it was stored is not known"
    remedy = "Send it again with the same id and source: it is stored once."


class ConfigurationError(EventSystemError):
    """The configuration has faults; the old one, if any, stays in force.

    `files` are the paths of all that were read: who waits for a mended one looks at these.
    """

    code = "config.invalid"
    title = "Invalid configuration"
    remedy = "Mend the lines that the message names; `event-system config check` tells at once."

    def __init__(
        self, detail: str = "", *, where: str | None = None, files: tuple[Path, ...] = ()
    ) -> None:
        super().__init__(detail, where=where)
        self.files = files


def every_error() -> Iterator[type[EventSystemError]]:
    """All classes of the tree; those that users derive are not of it."""
    return _with_its_own(EventSystemError)


def _with_its_own(error: type[EventSystemError]) -> Iterator[type[EventSystemError]]:
    yield error
    for child in error.__subclasses__():
        if child.__module__.startswith(f"{__package__}."):
            yield from _with_its_own(child)
