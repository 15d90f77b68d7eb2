"""A schema from samples: what all of them have in common, and nothing that they only suggest.

Deterministic in the samples, whatever their order; every sample fits the schema. Bounds are not
guessed, nothing is closed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import jsonschema_rs

from event_system.events.catalogue.narrowing import type_of

FORMATS: Final = ("date-time", "uuid")
MOST_VALUES: Final = 8
FEWEST_SAMPLES: Final = 50
SAMPLES_A_VALUE: Final = 10
MOST_MEMBERS: Final = 100
"""An object with more different members is taken for a map of names to values."""
MAX_DEPTH: Final = 16

_formats = {
    name: jsonschema_rs.validator_for({"format": name}, validate_formats=True, offline=True)
    for name in FORMATS
}


def inferred(samples: Iterable[Any]) -> dict[str, Any]:
    """The schema of decoded JSON values; `{}` where there are none."""
    seen = _Seen()
    for sample in samples:
        seen.add(sample)
    return seen.schema()


class _Seen:
    """What has been seen at one place of the samples."""

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth
        self._types: Counter[str] = Counter()
        self._odd = False
        self._texts: set[str] = set()
        self._formats = set(FORMATS)
        self._members: dict[str, _Seen] = {}
        self._present: Counter[str] = Counter()
        self._items: _Seen | None = None

    def add(self, value: Any) -> None:
        if isinstance(value, float) and not math.isfinite(value):
            self._odd = True  # no JSON number for a schema: nothing can be said here
            return
        kind = type_of(value)
        self._types[kind] += 1
        if kind == "string":
            self._text(value)
        elif self._depth < MAX_DEPTH and kind == "object":
            self._object(value)
        elif self._depth < MAX_DEPTH and kind == "array":
            self._items = self._items or _Seen(self._depth + 1)
            for item in value:
                self._items.add(item)

    def _object(self, value: dict[str, Any]) -> None:
        if len(self._members) > MOST_MEMBERS:
            return
        for name, member in value.items():
            self._present[name] += 1
            self._member(name).add(member)

    def _text(self, value: str) -> None:
        if len(self._texts) <= MOST_VALUES:
            self._texts.add(value)
        self._formats -= {name for name in self._formats if not _formats[name].is_valid(value)}

    def _member(self, name: str) -> _Seen:
        found = self._members.get(name)
        if found is None:
            found = self._members[name] = _Seen(self._depth + 1)
        return found

    def schema(self) -> dict[str, Any]:
        if self._odd or not self._types:
            return {}
        kinds = sorted(self._types)
        if "number" in kinds and "integer" in kinds:
            kinds.remove("integer")
        schema: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else kinds}
        if self._types["string"]:
            schema |= self._of_texts(alone=kinds == ["string"])
        if self._types["object"]:
            schema |= self._of_members()
        if self._items is not None and (items := self._items.schema()):
            schema["items"] = items
        return schema

    def _of_texts(self, *, alone: bool) -> dict[str, Any]:
        count = self._types["string"]
        few = len(self._texts) <= min(MOST_VALUES, count // SAMPLES_A_VALUE)
        if alone and few and count >= FEWEST_SAMPLES:
            return {"enum": sorted(self._texts)}
        return {"format": min(self._formats)} if self._formats else {}

    def _of_members(self) -> dict[str, Any]:
        if len(self._members) > MOST_MEMBERS:
            return {}
        found: dict[str, Any] = {}
        always = sorted(n for n, c in self._present.items() if c == self._types["object"])
        if always:
            found["required"] = always
        if self._members:
            found["properties"] = {n: self._members[n].schema() for n in sorted(self._members)}
        return found
