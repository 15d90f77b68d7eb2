"""Matchers: conditions on one label, as Alertmanager writes them (`severity=~"warning|critical"`).

Regular expressions are RE2's, which take linear time whatever anybody writes, and are anchored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, cast

import re2

from event_system.alerting.labels import Labels, is_label_name, quoted
from event_system.kernel.errors import InvalidMatcherError

Operator: TypeAlias = Literal["=", "!=", "=~", "!~"]

MAX_VALUE: Final = 10_000
MAX_MATCHERS: Final = 100
_MAX_PROGRAM_BYTES: Final = 1 << 20
_MATCHER = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*(.*?)\s*", re.DOTALL)
_UNESCAPED: Final = {"n": "\n", '"': '"', "\\": "\\"}


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_PROGRAM_BYTES
    options.dot_nl = True
    return options


_OPTIONS = _options()


def compiled(pattern: str) -> Any:
    """A regular expression for whole values. Raises `InvalidMatcherError`."""
    if len(pattern) > MAX_VALUE:
        raise InvalidMatcherError(f"a regular expression has over {MAX_VALUE:,} characters")
    try:
        return re2.compile(f"^(?:{pattern})$", _OPTIONS)
    except re2.error as error:
        told = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else error
        raise InvalidMatcherError(
            f"invalid regular expression {quoted(pattern)}: {told}"
        ) from error


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition. A label that is missing counts as empty. Raises `InvalidMatcherError`."""

    name: str
    operator: Operator
    value: str
    _holds: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not is_label_name(self.name):
            raise InvalidMatcherError(f"invalid label name {quoted(self.name[:80])}")
        if len(self.value) > MAX_VALUE:
            raise InvalidMatcherError(f"a matcher's value has over {MAX_VALUE:,} characters")
        object.__setattr__(self, "_holds", _test(self.operator, self.value))

    @property
    def is_regex(self) -> bool:
        return self.operator in ("=~", "!~")

    @property
    def is_equal(self) -> bool:
        return self.operator in ("=", "=~")

    def holds_for(self, value: str) -> bool:
        return self._holds(value)

    def matches(self, labels: Labels) -> bool:
        return self._holds(labels.get(self.name, ""))

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{quoted(self.value)}"


def _test(operator: Operator, value: str) -> Callable[[str], bool]:
    if operator == "=":
        return value.__eq__
    if operator == "!=":
        return value.__ne__
    search = compiled(value).search
    if operator == "=~":
        return lambda found: search(found) is not None
    return lambda found: search(found) is None


Matchers: TypeAlias = tuple[Matcher, ...]


def all_match(matchers: Iterable[Matcher], labels: Labels) -> bool:
    for matcher in matchers:  # noqa: SIM110 - asked for each alert: half the time of `all`
        if not matcher._holds(labels.get(matcher.name, "")):
            return False
    return True


def written(matchers: Iterable[Matcher]) -> str:
    """`{a="b",c=~"d"}`, by name."""
    ordered = sorted(matchers, key=lambda m: (m.name, m.value, m.operator))
    return "{" + ",".join(map(str, ordered)) + "}"


def parse_matcher(text: str) -> Matcher:
    """One matcher: `a=b`, `a="b"`. Raises `InvalidMatcherError`."""
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise InvalidMatcherError(f"bad matcher format: {text[:200]}")
    name, operator, raw = found.groups()
    return Matcher(name, cast("Operator", operator), _value(raw))


def _value(raw: str) -> str:
    inner = raw
    if raw.startswith('"'):
        if len(raw) < 2 or not raw.endswith('"'):
            raise InvalidMatcherError(f"matcher value contains unescaped double quote: {raw[:200]}")
        inner = raw[1:-1]
    value = ""
    escaped = False
    for character in inner:
        if escaped:
            value += _UNESCAPED.get(character, "\\" + character)
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            raise InvalidMatcherError(f"matcher value contains unescaped double quote: {raw[:200]}")
        else:
            value += character
    if escaped:
        if inner is not raw:  # the backslash was before the closing quote
            raise InvalidMatcherError(f"matcher value contains unescaped double quote: {raw[:200]}")
        value += "\\"
    return value


def parse_matchers(text: str) -> Matchers:
    """Matchers in one text: `{a="b",c=~"d,e"}`, with or without braces.

    Raises `InvalidMatcherError`.
    """
    inner = text.strip()
    if inner.startswith("{"):
        if not inner.endswith("}"):
            raise InvalidMatcherError(f"bad matcher format: {text[:200]}")
        inner = inner[1:-1]
    parts = list(_parted(inner))
    if len(parts) > 1 and not parts[-1].strip():
        parts.pop()  # a trailing comma is allowed
    if not inner.strip():
        return ()
    if len(parts) > MAX_MATCHERS:
        raise InvalidMatcherError(f"more than {MAX_MATCHERS} matchers")
    return tuple(map(parse_matcher, parts))


def _parted(text: str) -> Iterable[str]:
    """The parts between commas that stand in no quotes."""
    part, quoted_, escaped = "", False, False
    for character in text:
        if character == "," and not quoted_:
            yield part
            part = ""
            continue
        if character == '"' and not escaped:
            quoted_ = not quoted_
        escaped = character == "\\" and not escaped
        part += character
    yield part
