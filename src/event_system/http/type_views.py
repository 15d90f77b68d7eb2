"""What answers about event types contain."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from event_system.events.catalogue.entry import Deprecation, RateLimit, TypeEntry
from event_system.kernel.clock import rfc3339

_Time = Annotated[str | None, Meta(description="RFC 3339, UTC; null for declared types.")]


class TypeVersion(Struct):
    """One version of a type's schema."""

    version: int
    schema: Annotated[Any, Meta(description="JSON Schema.")]
    note: str
    created_at: _Time


class TypeSummary(Struct):
    """An event type in a list."""

    name: str
    owner: str
    description: str
    enabled: Annotated[bool, Meta(description="Whether its events are accepted.")]
    mode: Annotated[
        Literal["strict", "lenient"],
        Meta(description="Whether data that does not fit is refused, or accepted and counted."),
    ]
    compatibility: Annotated[
        Literal["backward", "none"], Meta(description="What a new version is checked for.")
    ]
    deprecated: Deprecation | None
    rate_limit: RateLimit | None
    max_size: Annotated[int | None, Meta(description="Bytes that its data may have.")]
    current: Annotated[int | None, Meta(description="The version for events that name none.")]
    revision: Annotated[int, Meta(description="Grows with every change; the ETag.")]
    updated_at: _Time
    origin: Annotated[
        str, Meta(description="`api`, `code`, or the file that declares it: read-only here.")
    ]


class EventType(TypeSummary):
    """An event type with all versions of its schema, oldest first."""

    versions: list[TypeVersion]


class TypePage(Struct):
    """A page of event types, ordered by name."""

    types: list[TypeSummary]
    next: Annotated[str | None, Meta(description="Cursor of the next page; null at the end.")]


class DeletedType(Struct):
    """A type that was forgotten; its events stay."""

    name: str
    deleted: bool


def summary(entry: TypeEntry) -> TypeSummary:
    """An entry as a list shows it."""
    return TypeSummary(**_members(entry))


def detail(entry: TypeEntry) -> EventType:
    """An entry with its versions."""
    versions = [
        TypeVersion(each.version, each.schema, each.note, _moment(each.created_us))
        for each in entry.versions
    ]
    return EventType(**_members(entry), versions=versions)


def _members(entry: TypeEntry) -> dict[str, Any]:
    own = {name: getattr(entry, name, None) for name in TypeSummary.__struct_fields__}
    return {**own, "updated_at": _moment(entry.updated_us)}


def _moment(us: int | None) -> str | None:
    return None if us is None else rfc3339(us)
