"""Conditions on an event's data, as the history takes them: `data.level>=10`.

A condition is a path, an operator and a value: `data.player.name=Ann`, `data.items[0].id!=7`,
`data["odd name"] exists`. The value is JSON; what is no JSON is a string. Numbers compare with
numbers, strings with strings by code point; `true`, `false` and `null` only are equal or not.
Where the path leads nowhere, and in data that is no JSON, nothing holds, `!=` neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, TypeAlias

import msgspec

from event_system.events.event import Event, is_json
from event_system.kernel.errors import InvalidQueryError

MAX_CONDITIONS: Final = 8
MAX_LENGTH: Final = 400

Scalar: TypeAlias = "str | int | float | bool | None"
Path: TypeAlias = tuple["str | int", ...]

EXISTS: Final = "exists"
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = dict(
    zip(("=", "!=", "<", "<=", ">", ">="), (eq, ne, lt, le, gt, ge), strict=True)
)
_HOW: Final = 'write it as data.level>=10, data.items[0].id=7, data["a b"]!=x or data.guild exists'
_STEP = re.compile(r"\.([^\s.\[\]\"=!<>]+)|\[(\d{1,9})\]|\[\"((?:[^\"\\]|\\.)*)\"\]")
_REST = re.compile(r"\s*(<=|>=|!=|=|<|>)\s*(.*?)\s*|\s+(exists)\s*", re.DOTALL)
_NOWHERE: Final = object()


class DataTest(msgspec.Struct, frozen=True):
    """One condition. `operator` is `=`, `!=`, `<`, `<=`, `>`, `>=` or `exists`."""

    path: Path
    operator: str
    value: Scalar = None

    @property
    def texts(self) -> list[str]:
        """Texts that are in all data of which it is true, unless the data has a backslash."""
        names = [step for step in self.path if isinstance(step, str)]
        if self.operator == "=" and isinstance(self.value, str):
            names.append(self.value)
        return names

    def holds(self, event: Event) -> bool:
        """Whether it is true of the event; never raises."""
        if event.raw is None or not is_json(event.media_type):
            return False
        try:
            found = _at(event.data, self.path)
        except (ValueError, RecursionError):  # stored as JSON, but none that can be read
            return False
        return found is not _NOWHERE and self._is_true_of(found)

    def _is_true_of(self, found: Any) -> bool:
        if self.operator == EXISTS:
            return True
        comparable = _kind(found) == _kind(self.value) != ""
        if self.operator == "!=":
            return not comparable or found != self.value
        if self.operator != "=" and _kind(found) not in ("number", "string"):
            return False
        return comparable and _COMPARE[self.operator](found, self.value)


def parse_where(texts: Sequence[str]) -> tuple[DataTest, ...]:
    """The conditions of a query, all of which must hold.

    Raises `InvalidQueryError` for too many, a long one, and one that cannot be read.
    """
    if len(texts) > MAX_CONDITIONS:
        raise _fault(f"{len(texts)} conditions, over {MAX_CONDITIONS}")
    return tuple(map(_parse, texts))


def _parse(text: str) -> DataTest:
    if len(text) > MAX_LENGTH:
        raise _fault(f"a condition of {len(text)} characters, over {MAX_LENGTH}")
    text = text.strip()
    path, at = _path(text)
    rest = _REST.fullmatch(text, at)
    if rest is None:
        raise _fault(f"{text[:80]!r}: no operator after the path; {_HOW}")
    if rest[3]:
        return DataTest(path, EXISTS)
    return DataTest(path, rest[1], _value(rest[2], text))


def _path(text: str) -> tuple[Path, int]:
    if not text.startswith("data"):
        raise _fault(f"{text[:80]!r} does not begin with `data`; {_HOW}")
    path: list[str | int] = []
    at = len("data")
    while step := _STEP.match(text, at):
        path.append(_member(step, text))
        at = step.end()
    return tuple(path), at


def _member(step: re.Match[str], text: str) -> str | int:
    if step[2] is not None:
        return int(step[2])
    if step[1] is not None:
        return step[1]
    try:
        return msgspec.json.decode(f'"{step[3]}"', type=str)
    except msgspec.DecodeError as error:
        raise _fault(f"{text[:80]!r}: {error}") from error


def _value(text: str, whole: str) -> Scalar:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    if _kind(value) == "":
        raise _fault(f"{whole[:80]!r}: objects and arrays cannot be compared; name a member")
    return value  # type: ignore[no-any-return]  # a scalar, by its kind


def _fault(detail: str) -> InvalidQueryError:
    return InvalidQueryError(detail, where="where")


def _at(value: Any, path: Path) -> Any:
    for step in path:
        if isinstance(step, str):
            value = value.get(step, _NOWHERE) if isinstance(value, dict) else _NOWHERE
        elif isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return _NOWHERE
    return value


def _kind(value: Any) -> str:
    """What a value compares with; empty for objects and arrays."""
    if value is None or isinstance(value, bool):
        return "name"
    if isinstance(value, str):
        return "string"
    return "number" if isinstance(value, int | float) else ""
