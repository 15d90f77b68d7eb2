"""What templates may call."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from html import escape
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import re2

from event_system.gotemplate.values import Html, Time, url_query
from event_system.kernel.errors import TemplateError

MAX_TEXT: Final = 1_048_576
MAX_PATTERN: Final = 10_000
_MAX_PROGRAM_BYTES: Final = 1 << 20
_LARGE: Final = 6
"""The exponent from which on numbers are written with one."""
_SCRIPT: Final = (("\\", "\\\\"), ("'", "\\'"), ('"', '\\"'))
_CONTROL: Final = re.compile(r"[\x00-\x1f<>&=]")
_VERB: Final = re.compile(r"%([-+# 0]*)(\d{0,4})(?:\.(\d{0,4}))?([a-zA-Z%])")
_GROUP: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+)|(\$))")


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_PROGRAM_BYTES
    return options


_OPTIONS: Final = _options()


def shown(value: Any) -> str:
    """As Go prints a value."""
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return shortest(value)
    if type(value) is list:
        return "[" + " ".join(map(shown, value)) + "]"
    if type(value) is dict:
        inner = " ".join(f"{name}:{shown(value[name])}" for name in sorted(value))
        return f"map[{inner}]"
    return str(value)


def shortest(value: float) -> str:
    """As Go's `%v`: the fewest digits that say which number it is, with an exponent if it is far."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if abs(value) < 10**_LARGE and "e" not in text:
        return text.removesuffix(".0")
    _, digits, exponent = Decimal(text).normalize().as_tuple()
    place = len(digits) + int(exponent) - 1
    if value == 0 or -5 < place < _LARGE:
        return format(Decimal(text).normalize(), "f")
    rest = "".join(map(str, digits[1:]))
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[0]}{'.' + rest if rest else ''}e{place:+03d}"


def is_true(value: Any) -> bool:
    return bool(value) if not isinstance(value, Time) else True


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise TemplateError(f"`{name}` wants text, not {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return "nil" if value is None else type(value).__name__.lower()


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise TemplateError("`eq` wants two values at least")
    return any(_comparable(first, other) and first == other for other in others)


def _comparable(one: Any, other: Any) -> bool:
    if _sort(one) != _sort(other):
        raise TemplateError(f"{_kind(one)} and {_kind(other)} cannot be compared")
    return True


def _sort(value: Any) -> str:
    for kinds, name in (((bool,), "bool"), ((int, float), "number"), ((str,), "text")):
        if isinstance(value, kinds):
            return name
    return _kind(value)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def function(one: Any, other: Any) -> bool:
        if _sort(one) not in ("number", "text"):
            raise TemplateError(f"{_kind(one)} has no order")
        _comparable(one, other)
        return compare(one, other)

    return function


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, (list, dict)):
        return len(value)
    raise TemplateError(f"{_kind(value)} has no length")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key, "" if isinstance(key, str) else None)
        elif isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
            value = value[key]
        else:
            raise TemplateError(f"{_kind(value)} has no place {shown(key)[:80]!r}")
    return value


def _slice(value: Any, start: int = 0, end: int | None = None) -> Any:
    if not isinstance(value, (str, list)):
        raise TemplateError(f"{_kind(value)} cannot be sliced")
    last = len(value) if end is None else end
    if not 0 <= start <= last <= len(value):
        raise TemplateError(f"there is no slice from {start} to {last}")
    return value[start:last]


def _print(*values: Any) -> str:
    """Spaces stand between values that are both no text."""
    text = ""
    for number, value in enumerate(values):
        if number and not isinstance(value, str) and not isinstance(values[number - 1], str):
            text += " "
        text += shown(value)
    return text


def _printf(layout: str, *values: Any) -> str:
    left = list(values)

    def one(found: re.Match[str]) -> str:
        flags, width, precision, verb = found.groups()
        if verb == "%":
            return "%"
        if not left:
            return f"%!{verb}(MISSING)"
        return _formatted(left.pop(0), flags + width, precision, verb)

    text = _VERB.sub(one, _text(layout, "printf"))
    extra = ", ".join(f"{_go_type(value)}={shown(value)}" for value in left)
    return f"{text}%!(EXTRA {extra})" if extra else text


def _formatted(value: Any, flags: str, precision: str | None, verb: str) -> str:
    point = "" if precision is None else f".{precision or 0}"
    try:
        if verb == "v" or (verb == "s" and not isinstance(value, (bool, int, float))):
            return f"%{flags}{point}s" % shown(value)
        if verb == "q" and isinstance(value, str):
            return json.dumps(value, ensure_ascii=False)
        if verb in "dxXoc" and type(value) is int:
            return f"%{flags}{verb}" % value
        if verb in "feEgG" and isinstance(value, float):
            return _decimal(value, flags, point, verb)
        if verb == "t" and isinstance(value, bool):
            return shown(value)
    except (ValueError, OverflowError) as error:
        raise TemplateError(f"`printf`: {error}") from error
    return f"%!{verb}({_go_type(value)}={shown(value)})"


def _decimal(value: float, flags: str, point: str, verb: str) -> str:
    if not math.isfinite(value) or (verb in "gG" and not point):
        return f"%{flags.replace('0', '')}s" % shown(value)
    return f"%{flags}{point}{verb}" % value


def _go_type(value: Any) -> str:
    for kinds, name in ((bool, "bool"), (int, "int"), (float, "float64"), (str, "string")):
        if isinstance(value, kinds):
            return name
    return _kind(value)


def _regex(pattern: Any, name: str) -> Any:
    if len(_text(pattern, name)) > MAX_PATTERN:
        raise TemplateError(f"`{name}`: the expression has over {MAX_PATTERN:,} characters")
    try:
        return re2.compile(pattern, _OPTIONS)
    except (re2.error, UnicodeEncodeError) as error:
        raise TemplateError(f"`{name}`: invalid regular expression: {_said(error)}") from error


def _said(error: Exception) -> str:
    told = error.args[0] if error.args else error
    return told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)


def _replace(pattern: Any, replacement: Any, text: Any) -> str:
    name = "reReplaceAll"
    regex, by = _regex(pattern, name), _text(replacement, name)

    def one(found: Any) -> str:
        def group(part: re.Match[str]) -> str:
            if part[3]:
                return "$"
            return _group(found, part[1] or part[2])

        return _GROUP.sub(group, by)

    return str(regex.sub(one, _text(text, name)))


def _group(found: Any, name: str) -> str:
    try:
        return found.group(int(name) if name.isdigit() else name) or ""
    except (IndexError, KeyError):
        return ""


def _joined(separator: Any, parts: Any) -> str:
    if not isinstance(parts, list):
        raise TemplateError(f"`join` wants a list, not {_kind(parts)}")
    return _text(separator, "join").join(shown(part) for part in parts)


def _in_zone(name: Any, time: Any) -> Time:
    if not isinstance(time, Time):
        raise TemplateError(f"`tz` wants a time, not {_kind(time)}")
    try:
        return time.in_zone(ZoneInfo(_text(name, "tz")))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TemplateError(f"there is no time zone {name[:80]!r}") from error


def _date(layout: Any, time: Any) -> str:
    if not isinstance(time, Time):
        raise TemplateError(f"`date` wants a time, not {_kind(time)}")
    return time.formatted(_text(layout, "date"))


def _of_text(name: str, work: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: work(_text(value, name))


def _in_script(text: str) -> str:
    """As part of a string in JavaScript, wherever in a page that stands."""
    for plain, escaped in _SCRIPT:
        text = text.replace(plain, escaped)
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04X}", text)


def _title(text: str) -> str:
    return re.sub(
        r"[^\W_]+(?:'[^\W_]+)?", lambda found: found[0][0].upper() + found[0][1:].lower(), text
    )


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "eq": _equal,
    "ne": lambda one, other: _comparable(one, other) and one != other,
    "lt": _ordered(lambda one, other: one < other),
    "le": _ordered(lambda one, other: one <= other),
    "gt": _ordered(lambda one, other: one > other),
    "ge": _ordered(lambda one, other: one >= other),
    "not": lambda value: not is_true(value),
    "len": _length,
    "index": _index,
    "slice": _slice,
    "print": _print,
    "println": lambda *values: " ".join(map(shown, values)) + "\n",
    "printf": _printf,
    "html": lambda *values: escape(_print(*values)),
    "js": lambda *values: _in_script(_print(*values)),
    "urlquery": lambda *values: url_query(_print(*values)),
    "toUpper": _of_text("toUpper", str.upper),
    "toLower": _of_text("toLower", str.lower),
    "title": _of_text("title", _title),
    "trimSpace": _of_text("trimSpace", str.strip),
    "join": _joined,
    "match": lambda pattern, text: (
        _regex(pattern, "match").search(_text(text, "match")) is not None
    ),
    "reReplaceAll": _replace,
    "safeHtml": _of_text("safeHtml", Html),
    "stringSlice": lambda *values: list(values),
    "date": _date,
    "tz": _in_zone,
    "toJson": lambda value: json.dumps(value, ensure_ascii=False, default=str),
}
"""`and` and `or` are not among them: they do not look at all that they are given."""
