"""Every error that can reach a user, read off the error tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias

from event_system.kernel.errors import EventSystemError, every_error

ErrorClass: TypeAlias = type[EventSystemError]


def all_errors() -> list[ErrorClass]:
    """The classes of the tree, ordered by code."""
    return sorted(set(every_error()), key=attrgetter("code"))


def room_of(error: ErrorClass) -> str:
    """What the error is about: the first segment of its code."""
    return error.code.partition(".")[0]


def by_room(errors: Sequence[ErrorClass]) -> list[tuple[str, list[ErrorClass]]]:
    """Errors ordered by code, grouped by what they are about."""
    return [(room, list(group)) for room, group in groupby(errors, key=room_of)]


def errors_markdown() -> str:
    """`docs/errors.md`, generated."""
    return "\n".join((*_HEAD, *(line for error in all_errors() for line in _entry(error))))


_HEAD: Iterable[str] = (
    "# Error codes",
    "",
    "Every error that event-system answers, prints or raises. Over HTTP it is",
    "`application/problem+json` (RFC 9457): `type` (`/docs/errors#<code>`), `title`, `status`,",
    "`detail` (what happened this time), `code` (stable), `remedy`, and, where they apply,",
    "`where` (the member, parameter or thing at fault), `faults` (of a batch, by index),",
    "`instance` (the path) and `traceId`. In Python they are the classes of",
    "`event_system.kernel.errors`. This page is generated from them (`make docs`).",
    "",
)


def _entry(error: ErrorClass) -> list[str]:
    described = (error.__doc__ or "").strip()
    return [
        f"## {error.code}",
        "",
        f"**{error.title}** · status {error.status} · `{error.__name__}`",
        "",
        f"{described} {error.remedy}",
        "",
    ]
