"""What templates of rules may call beside the language's own functions; names are Prometheus'."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from event_system.gotemplate.functions import FUNCTIONS as OWN
from event_system.gotemplate.functions import shortest
from event_system.gotemplate.values import Record, Texts, Time, url_query
from event_system.kernel.errors import PromqlError, TemplateError
from event_system.promql.numbers import number_of
from event_system.promql.parsing import parse_duration_ms

_LARGE: Final = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL: Final = ("m", "u", "n", "p", "f", "a", "z", "y")
_ADDRESS: Final = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([^:\[\]]*)")
VALUE: Final = "__value__"
"""The label that `strvalue` looks at."""


def _number(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    number = number_of(value) if isinstance(value, str) else None
    if number is None:
        raise TemplateError(f"can't convert {str(value)[:80]!r} to float")
    return number


def _four_digits(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else shortest(value)


def _scaled(number: float, step: float, prefixes: tuple[str, ...]) -> str:
    prefix = ""
    for each in prefixes:
        if abs(number) < step:
            break
        prefix, number = each, number / step
    return _four_digits(number) + prefix


def _small(number: float) -> str:
    prefix = ""
    for each in _SMALL:
        if abs(number) >= 1:
            break
        prefix, number = each, number * 1000
    return _four_digits(number) + prefix


def _humanize(value: Any) -> str:
    number = _number(value)
    if number == 0 or not math.isfinite(number):
        return _four_digits(number)
    return _scaled(number, 1000.0, _LARGE) if abs(number) >= 1 else _small(number)


def _humanize1024(value: Any) -> str:
    number = _number(value)
    if abs(number) <= 1 or not math.isfinite(number):
        return _four_digits(number)
    return _scaled(number, 1024.0, tuple(f"{each}i" for each in _LARGE))


def _humanize_duration(value: Any) -> str:
    seconds = _number(value)
    if not math.isfinite(seconds):
        return _four_digits(seconds)
    if abs(seconds) < 1:
        return "0s" if seconds == 0 else f"{_small(seconds)}s"
    sign, size = ("-" if seconds < 0 else ""), abs(seconds)
    if size < 60:
        return f"{sign}{_four_digits(size)}s"
    minutes, rest = divmod(int(size), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")]
    while not parts[0][0]:
        del parts[0]
    return sign + " ".join(f"{number}{unit}" for number, unit in parts)


def _time(value: Any) -> Time:
    seconds = _number(value)
    try:
        return Time(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError) as error:
        raise TemplateError(f"{shortest(seconds)} cannot be represented as a time") from error


def _humanize_timestamp(value: Any) -> str:
    seconds = _number(value)
    return str(_time(seconds)) if math.isfinite(seconds) else _four_digits(seconds)


def _strip_port(address: Any) -> str:
    found = _ADDRESS.fullmatch(_text(address))
    return str(address) if found is None else found[1] or found[2] or ""


def _strip_domain(address: Any) -> str:
    found = _ADDRESS.fullmatch(_text(address))
    host, port = (address, "") if found is None else (found[1] or found[2] or "", found[3])
    try:
        ipaddress.ip_address(host)
    except ValueError:
        short = host.partition(".")[0]
        return f"{short}:{port}" if port else short
    return str(address)


def _rows(value: Any) -> list[Record]:
    if not isinstance(value, list):
        raise TemplateError("wants the rows of a query")
    return [_row(each) for each in value]


def _row(value: Any) -> Record:
    if not isinstance(value, Record) or "Labels" not in value:
        raise TemplateError("wants one row of a query, which `first` gives")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TemplateError("wants text")
    return value


def _first(rows: Any) -> Record:
    found = _rows(rows)
    if not found:
        raise TemplateError("first() called on vector with no elements")
    return found[0]


def _label(name: Any, row: Any) -> str:
    return str(_row(row)["Labels"].get(_text(name), ""))


def _sorted(name: Any, rows: Any) -> list[Record]:
    return sorted(_rows(rows), key=lambda row: _label(name, row))


def _seconds(text: Any) -> float:
    try:
        return parse_duration_ms(_text(text)) / 1000
    except PromqlError as error:
        raise TemplateError(error.detail) from error


def _link(tab: int) -> Callable[[Any], str]:
    return lambda query: f"/graph?g0.expr={url_query(_text(query))}&g0.tab={tab}"


table_link: Final = lru_cache(4096)(_link(1))
"""Where Prometheus shows a query as a table, relative to its address."""

FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    **{name: OWN[name] for name in OWN if name not in {"date", "tz", "toJson", "stringSlice"}},
    "first": _first,
    "label": _label,
    "value": lambda row: _row(row)["Value"],
    "strvalue": lambda row: _label(VALUE, row),
    "args": lambda *values: Record({f"arg{n}": value for n, value in enumerate(values)}),
    "sortByLabel": _sorted,
    "graphLink": _link(0),
    "tableLink": table_link,
    "stripPort": _strip_port,
    "stripDomain": _strip_domain,
    "humanize": _humanize,
    "humanize1024": _humanize1024,
    "humanizeDuration": _humanize_duration,
    "humanizePercentage": lambda value: f"{_four_digits(_number(value) * 100)}%",
    "humanizeTimestamp": _humanize_timestamp,
    "toTime": _time,
    "parseDuration": _seconds,
    "urlQueryEscape": lambda text: url_query(_text(text)),
}
"""All but those that need the moment or the store: see `texts.py`."""


def row_of(labels: Mapping[str, str], value: float) -> Record:
    """What templates see of one row of a query."""
    return Record(Labels=Texts(labels), Value=value)
