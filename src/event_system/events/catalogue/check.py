"""Holds events of one type against its entry; runs for each of them, so nothing slow here."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Final

import msgspec

from event_system.events.catalogue.entry import TypeEntry
from event_system.events.catalogue.schemas import (
    DataFault,
    Schema,
    compile_schema,
    decode_data,
)
from event_system.events.codec import CloudEventDraft, Draft
from event_system.events.event import is_json
from event_system.kernel.errors import (
    DisabledTypeError,
    EventTooLargeError,
    SchemaMismatchError,
)

REFUSED: Final = "refused"
ACCEPTED: Final = "accepted"
MAX_ADDRESS: Final = 1024
_decode = msgspec.json.Decoder().decode


@dataclass(slots=True)
class Tally:
    """What was found of events that do not fit: counted by type, told to `notice`.

    `violations` are by (type, `refused` or `accepted`).
    """

    notice: Callable[[str, str], None]
    violations: Counter[tuple[str, ...]] = field(default_factory=Counter)
    deprecated: Counter[str] = field(default_factory=Counter)


class EntryCheck:
    """Holds events against an entry. Schemas other than the current compile when claimed."""

    def __init__(self, entry: TypeEntry, tally: Tally) -> None:
        self._entry = entry
        self._tally = tally
        self._schemas: dict[int, Schema] = {}
        self._claim = _claims(entry.name)
        self._current = None if entry.current is None else self._schema(entry.current)
        self._most = math.inf if entry.max_size is None else entry.max_size
        plain = None if self._is_special else self._current
        self._fits = None if plain is None else plain.fits

    @property
    def needed(self) -> bool:
        """Whether the entry asks anything of an event."""
        entry = self._entry
        limited = not entry.enabled or entry.max_size is not None
        return limited or entry.deprecated is not None or self._current is not None

    @property
    def _is_special(self) -> bool:
        """Whether there is more to do than to look at an event's data."""
        return not self._entry.enabled or self._entry.deprecated is not None

    def __call__(self, draft: Draft, data: bytes | None) -> None:
        """Raise where the event does not fit. The first lines are for most of those that do."""
        if self._fits is not None and data is not None and type(draft) is Draft:
            try:
                if len(data) <= self._most and self._fits(_decode(data)):
                    return
            except (ValueError, RecursionError):
                pass  # a number beyond a float, perhaps
        self._judge(draft, data)

    def _judge(self, draft: Draft, data: bytes | None) -> None:
        entry = self._entry
        if not entry.enabled:
            raise DisabledTypeError(f"{entry.name} is switched off", where="$.type")
        if entry.max_size is not None and data is not None and len(data) > entry.max_size:
            raise EventTooLargeError(
                f"data has {len(data)} bytes, over the {entry.max_size} of {entry.name}",
                where="$.data",
            )
        if entry.deprecated is not None:
            self._deprecated(entry.name)
        if (schema := self._current) is not None:
            self._fit(schema, draft, data)

    def _deprecated(self, name: str) -> None:
        self._tally.deprecated[name] += 1
        self._tally.notice(name, "is deprecated and still sent")

    def _fit(self, schema: Schema, draft: Draft, data: bytes | None) -> None:
        if type(draft) is not Draft:
            claimed = self._claimed(draft)
            if isinstance(claimed, DataFault):
                self._violated([claimed])
                return
            schema = claimed
        try:
            value = decode_data(data)
            if schema.fits(value):
                return
            faults = schema.faults(value)
        except (ValueError, RecursionError) as error:
            faults = [DataFault("$.data", f"cannot be read: {error}"[:200], "#")]
        self._violated(faults)

    def _violated(self, faults: list[DataFault]) -> None:
        name = self._entry.name
        if self._entry.mode == "lenient":
            self._tally.violations[name, ACCEPTED] += 1
            first = faults[0]
            self._tally.notice(name, f"does not fit its schema: {first.where} ({first.keyword})")
            return
        self._tally.violations[name, REFUSED] += 1
        raise mismatch(name, faults)

    # Versions

    def _claimed(self, draft: Draft) -> Schema | DataFault:
        """The schema that a CloudEvent claims, or what is wrong with the claim."""
        assert self._current is not None
        if not isinstance(draft, CloudEventDraft):
            return self._current
        if not is_json(draft.media_type):
            return DataFault("$.datacontenttype", f"{draft.media_type} is no JSON", "#")
        number = self._claim(draft.extensions.get("dataschema"))
        if number is None or number == self._entry.current:
            return self._current
        if self._entry.version(number) is None:
            return DataFault("$.dataschema", f"there is no version {number}", "#")
        return self._schema(number)

    def _schema(self, number: int) -> Schema:
        found = self._schemas.get(number)
        if found is None:
            version = self._entry.version(number)
            assert version is not None  # `current` and claims are checked against the versions
            found = self._schemas[number] = compile_schema(bytes(version.schema))
        return found


def mismatch(name: str, faults: list[DataFault]) -> SchemaMismatchError:
    """The error of data that does not fit; all faults in `faults`, the first in the detail."""
    first, more = faults[0], len(faults) - 1
    rest = f" (and {more} more)" if more else ""
    error = SchemaMismatchError(f"{name}: {first.where}: {first.detail}{rest}", where=first.where)
    error.faults = tuple(asdict(fault) for fault in faults)
    return error


def _claims(name: str) -> Callable[[Any], int | None]:
    """Reads a `dataschema`: the version of this type that it claims, None for a foreign one.

    It ends in `NAME/versions/2/schema`, `NAME/2`, `NAME/v2`, `NAME#2` or `NAME#v2`.
    """
    claim = re.compile(
        rf"(?:.*[/:])?{re.escape(name)}(?:/(?:versions/)?|#)v?(\d{{1,9}})(?:/schema)?"
    )

    @lru_cache(maxsize=16)
    def claimed(dataschema: str) -> int | None:
        found = claim.fullmatch(dataschema)
        return int(found[1]) if found else None

    def read(value: Any) -> int | None:
        known = isinstance(value, str) and len(value) <= MAX_ADDRESS
        return claimed(value) if known else None

    return read
