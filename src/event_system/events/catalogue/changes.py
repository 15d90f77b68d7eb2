"""Changes of entries, as values: what is written becomes an entry, or an error. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

import msgspec
from msgspec import UNSET

from event_system.events.catalogue.compatibility import Incompatibility, incompatibilities
from event_system.events.catalogue.entry import (
    MAX_CATALOGUE_BYTES,
    MAX_TYPES,
    MAX_VERSIONS,
    DeclaredDraft,
    EntryDraft,
    SchemaValue,
    TypeEntry,
    Version,
    VersionDraft,
    check_moment,
    check_name,
    invalid,
)
from event_system.events.catalogue.schemas import compile_schema
from event_system.kernel.errors import (
    IncompatibleSchemaError,
    InvalidTypeError,
    TypeConflictError,
    TypeLimitError,
)

_OF_VERSIONS: Final = ("schema", "note", "current", "versions")


def written(name: str, draft: EntryDraft, before: TypeEntry | None) -> TypeEntry:
    """The entry that a draft makes of the one before; a schema that is new is a new version.

    Raises `InvalidTypeError` and `TypeLimitError`.
    """
    check_moment(draft.deprecated)
    versions = () if before is None else before.versions
    if draft.schema is not UNSET and not (versions and _says(versions[-1], draft.schema)):
        versions = _appended(versions, draft.schema, draft.note)
    return _entry(name, draft, versions)


def _entry(name: str, draft: EntryDraft, versions: tuple[Version, ...]) -> TypeEntry:
    current = draft.current or (versions[-1].version if versions else None)
    if current is not None and all(each.version != current for each in versions):
        raise InvalidTypeError(f"there is no version {current}", where="$.current")
    return TypeEntry(name=name, current=current, versions=versions, **_plain(draft))


def _plain(draft: EntryDraft) -> dict[str, Any]:
    return {k: v for k, v in msgspec.structs.asdict(draft).items() if k not in _OF_VERSIONS}


def extended(before: TypeEntry, draft: VersionDraft) -> TypeEntry:
    """The entry with one more version, which is the current one. Raises `TypeLimitError`."""
    versions = _appended(before.versions, draft.schema, draft.note)
    return msgspec.structs.replace(before, versions=versions, current=versions[-1].version)


def _appended(versions: tuple[Version, ...], schema: SchemaValue, note: str) -> tuple[Version, ...]:
    if len(versions) >= MAX_VERSIONS:
        raise TypeLimitError(f"a type has {MAX_VERSIONS} versions at most", where="schema")
    number = versions[-1].version + 1 if versions else 1
    return (*versions, _version(number, schema, note))


def _version(number: int, schema: SchemaValue, note: str) -> Version:
    return Version(number, msgspec.Raw(msgspec.json.encode(schema)), note)


def _says(version: Version, schema: SchemaValue) -> bool:
    """Whether the version is this schema already, however its members are ordered."""
    return _sorted(decoded(version)) == _sorted(schema)


_sorted = msgspec.json.Encoder(order="sorted").encode


def decoded(version: Version) -> Any:
    """The schema of a version as plain data."""
    return msgspec.json.decode(version.schema)


def renewed(entry: TypeEntry, before: TypeEntry | None, now_us: int) -> TypeEntry:
    """The entry as it is stored: with its revision, and the times of what is new."""
    dated = tuple(
        each if each.created_us is not None else msgspec.structs.replace(each, created_us=now_us)
        for each in entry.versions
    )
    revision = 1 if before is None else before.revision + 1
    return msgspec.structs.replace(entry, versions=dated, revision=revision, updated_us=now_us)


def check_unchanged(name: str, stored: TypeEntry | None, before: TypeEntry | None) -> None:
    """Raise `TypeConflictError` where what is stored is not what a change was made from."""
    if stored != before:
        now = "is deleted" if stored is None else f"is at revision {stored.revision}"
        raise TypeConflictError(f"{name} {now} by now: another node has changed it", where=name)


def check_room(entry: TypeEntry, stored: Mapping[str, TypeEntry]) -> None:
    """Raise `TypeLimitError` where the catalogue has no room for the entry."""
    if entry.name not in stored and len(stored) >= MAX_TYPES:
        raise TypeLimitError(f"the catalogue holds {MAX_TYPES} types at most")
    others = sum(each.schema_bytes for each in stored.values() if each.name != entry.name)
    if others + entry.schema_bytes > MAX_CATALOGUE_BYTES:
        raise TypeLimitError(f"all schemas together have over {MAX_CATALOGUE_BYTES} bytes")


def check_compatible(before: TypeEntry, after: TypeEntry) -> None:
    """Raise `IncompatibleSchemaError` where a new version may refuse what was accepted."""
    if after.compatibility == "none" or len(after.versions) == len(before.versions):
        return
    newest = after.versions[-1]
    compile_schema(bytes(newest.schema))  # what is no schema is told as that
    found = against_current(before, decoded(newest))
    if found:
        raise incompatible(after.name, found)


def against_current(entry: TypeEntry, schema: SchemaValue) -> list[Incompatibility]:
    """Why data that fits the current version may not fit this schema."""
    current = entry.version(entry.current)
    if current is None:
        return []
    return incompatibilities(decoded(current), schema)


def incompatible(name: str, found: list[Incompatibility]) -> IncompatibleSchemaError:
    """The error, with all that was found in `faults`."""
    first, more = found[0], len(found) - 1
    rest = f" (and {more} more)" if more else ""
    error = IncompatibleSchemaError(
        f"{name}: {first.where}: {first.detail}{rest}", where=first.where
    )
    error.faults = tuple(asdict(each) for each in found)
    return error


def declared(name: str, value: Any, origin: str) -> TypeEntry:
    """The entry of plain data, as a file or code gives it.

    `versions` lists schemas, oldest first; `schema` is short for one. Raises
    `InvalidTypeError` with the member's path in `where`.
    """
    check_name(name)
    draft = _converted(value)
    check_moment(draft.deprecated)
    drafts = list(draft.versions)
    if draft.schema is not UNSET:
        drafts.append(VersionDraft(draft.schema, draft.note))
    entry = _entry(name, draft, _numbered(drafts))
    for version in entry.versions:
        compile_schema(bytes(version.schema), _place_of(draft, version.version))
    return msgspec.structs.replace(entry, origin=origin)


def _converted(value: Any) -> DeclaredDraft:
    try:
        body = msgspec.json.encode(value)
        return msgspec.json.decode(body, type=DeclaredDraft)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidTypeError(f"is not JSON: {error}", where="$") from error


def _numbered(drafts: Iterable[VersionDraft]) -> tuple[Version, ...]:
    return tuple(_version(number, each.schema, each.note) for number, each in enumerate(drafts, 1))


def _place_of(draft: DeclaredDraft, number: int) -> str:
    listed = number <= len(draft.versions)
    return f"$.versions[{number - 1}].schema" if listed else "$.schema"
