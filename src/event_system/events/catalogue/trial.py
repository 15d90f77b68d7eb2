"""Trying data or a schema on an event type, without any effect."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from event_system.events.catalogue.changes import against_current
from event_system.events.catalogue.compatibility import Incompatibility
from event_system.events.catalogue.entry import SchemaValue, TypeEntry, Version
from event_system.events.catalogue.schemas import DataFault, Schema, compile_schema
from event_system.kernel.errors import InvalidRequestError, TypeNotFoundError


class Trial(msgspec.Struct, forbid_unknown_fields=True):
    """What to try: data, a schema that is proposed, or data on that schema.

    `version` names another version than the current one for data.
    """

    data: Any | UnsetType = UNSET
    schema: SchemaValue | UnsetType = UNSET
    version: int | None = None


class Report(msgspec.Struct, frozen=True):
    """What came of it. `version` is the one that the data was held against.

    `incompatibilities` are a proposed schema's with the current version.
    """

    ok: bool
    version: int | None
    faults: list[DataFault]
    incompatibilities: list[Incompatibility]


def tried(name: str, entry: TypeEntry | None, trial: Trial) -> Report:
    """The report of a trial on a type, which may be unknown where a schema is proposed.

    Raises `InvalidTypeError`, `InvalidRequestError` and `TypeNotFoundError`.
    """
    proposed = None
    narrowed: list[Incompatibility] = []
    if trial.schema is not UNSET:
        proposed = compile_schema(msgspec.json.encode(trial.schema), "schema")
        narrowed = [] if entry is None else against_current(entry, trial.schema)
    elif trial.data is UNSET:
        raise InvalidRequestError("give `data`, `schema` or both", where="data")
    number, schema = (None, proposed) if proposed else _version(name, entry, trial.version)
    faults = [] if trial.data is UNSET or schema is None else schema.faults(trial.data)
    return Report(not faults and not narrowed, number, faults, narrowed)


def _version(
    name: str, entry: TypeEntry | None, number: int | None
) -> tuple[int | None, Schema | None]:
    if entry is None:
        raise TypeNotFoundError(f"the catalogue has no {name[:100]!r}", where=name[:100])
    wanted = number or entry.current
    if wanted is None:
        return None, None
    return wanted, compile_schema(bytes(version_of(entry, wanted).schema))


def version_of(entry: TypeEntry, number: int) -> Version:
    """A version. Raises `TypeNotFoundError`."""
    version = entry.version(number)
    if version is None:
        raise TypeNotFoundError(f"{entry.name} has no version {number}", where=str(number))
    return version
