"""Entries of the catalogue: what is kept of an event type, and what its owner may write."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from event_system.events.limits import SLOWEST, Rate
from event_system.kernel.errors import InvalidTypeError
from event_system.kernel.patterns import is_event_type

MAX_TYPES: Final = 10_000
MAX_VERSIONS: Final = 100
MAX_CATALOGUE_BYTES: Final = 64 * 1024 * 1024
"""All schemas of a catalogue together; they are held in memory."""
STORED: Final = "api"
"""The origin of entries that the store keeps; any other names a file or `code`."""
PLATFORM: Final = "system."
"""Types that begin so are the platform's own: always accepted, never in the catalogue."""

Mode = Literal["strict", "lenient"]
Compatibility = Literal["backward", "none"]
Line = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=4000)]
SchemaValue = dict[str, Any] | bool
EventSize = Annotated[int, Meta(ge=1, le=64 * 1024 * 1024)]


class RateLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often events of a type may come: a bucket of `burst` tokens, refilled evenly.

    Without `burst` it holds one second's worth.
    """

    per_second: Annotated[float, Meta(ge=SLOWEST, le=1_000_000)]
    burst: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None

    @property
    def rate(self) -> Rate:
        return Rate(self.per_second, self.burst or math.ceil(self.per_second))


class Deprecation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """That a type should no longer be sent: why, since when, and what to send instead."""

    message: Text = ""
    since: Line | None = None
    replacement: Line | None = None


class Version(msgspec.Struct, frozen=True):
    """One version of a type's schema. `created_us` is unknown of declared ones."""

    version: int
    schema: msgspec.Raw
    note: str = ""
    created_us: int | None = None


class TypeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An event type. `current` is the version for events that name none; None without schema.

    `revision` grows with every change of a stored entry.
    """

    name: str
    owner: str = ""
    description: str = ""
    enabled: bool = True
    mode: Mode = "strict"
    compatibility: Compatibility = "backward"
    deprecated: Deprecation | None = None
    rate_limit: RateLimit | None = None
    max_size: int | None = None
    current: int | None = None
    versions: tuple[Version, ...] = ()
    revision: int = 1
    updated_us: int | None = None
    origin: str = STORED

    def version(self, number: int | None) -> Version | None:
        """The version of this number; None where there is none."""
        return next((each for each in self.versions if each.version == number), None)

    @property
    def schema_bytes(self) -> int:
        return sum(len(bytes(each.schema)) for each in self.versions)


_encode = msgspec.json.Encoder().encode
_entry = msgspec.json.Decoder(TypeEntry)


def to_bytes(entry: TypeEntry) -> bytes:
    """The entry as a store keeps it."""
    return _encode(entry)


def from_bytes(raw: bytes) -> TypeEntry:
    """What `to_bytes` made. Raises `ValueError` for anything else."""
    try:
        return _entry.decode(raw)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


class EntryDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An entry as it is written. `schema` becomes a version where it is not the current one.

    Without `current` the newest version is it.
    """

    owner: Line = ""
    description: Text = ""
    enabled: bool = True
    mode: Mode = "strict"
    compatibility: Compatibility = "backward"
    deprecated: Deprecation | None = None
    rate_limit: RateLimit | None = None
    max_size: EventSize | None = None
    schema: SchemaValue | UnsetType = UNSET
    note: Text = ""
    current: Annotated[int, Meta(ge=1)] | None = None


class VersionDraft(msgspec.Struct, forbid_unknown_fields=True):
    """A new version as it is written."""

    schema: SchemaValue
    note: Text = ""


class DeclaredDraft(EntryDraft, forbid_unknown_fields=True, kw_only=True):
    """An entry of a file: `versions` instead of one `schema`, numbered from 1, oldest first."""

    versions: Annotated[list[VersionDraft], Meta(max_length=MAX_VERSIONS)] = []


def check_name(name: str) -> None:
    """Raise `InvalidTypeError` where an entry cannot have this name."""
    if not is_event_type(name):
        raise InvalidTypeError(
            f"{name[:80]!r} is no event type: dotted segments of letters, digits, `_` and `-`",
            where="name",
        )
    if name.startswith(PLATFORM):
        raise InvalidTypeError(f"types that begin with `{PLATFORM}` are the node's own", where=name)


def invalid(error: msgspec.ValidationError) -> InvalidTypeError:
    """A msgspec fault as ours; msgspec ends its message with the path."""
    text, _, path = str(error).partition(" - at ")
    return InvalidTypeError(text, where=path.strip("`") or "$")


def check_moment(deprecated: Deprecation | None) -> None:
    """Raise `InvalidTypeError` unless `since` is a day or a moment."""
    since = None if deprecated is None else deprecated.since
    if since is None:
        return
    try:
        datetime.fromisoformat(since)
    except ValueError as error:
        raise InvalidTypeError(
            f"{since!r} is no date: give 2026-11-21 or RFC 3339", where="$.deprecated.since"
        ) from error
