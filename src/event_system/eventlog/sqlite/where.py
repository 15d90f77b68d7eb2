"""Conditions on data as SQL: true at least of what they are true of.

What the SQL lets through is still to be tested (`DataTest.holds`); it is there to spare a scan
the decoding of most events, and runs without the interpreter. It first looks for names and texts
as they are among the bytes, unless a character may be escaped there: that takes a third of the
time of reading the JSON. Of a member that is named twice SQLite reads the first, where `DataTest`
takes the last: such events are all let through.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from event_system.events.where import EXISTS, DataTest, Path

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ROUNDING = 1e-12
# Data is stored as a BLOB; a short JSON text in one could be taken for SQLite's binary JSON.
_TEXT = "CAST(e.data AS TEXT)"
_IS_JSON = (
    "e.data IS NOT NULL AND (e.media_type IS NULL OR e.media_type LIKE '%json%') "
    f"AND CASE WHEN json_valid({_TEXT}) THEN {{}} END"
)
_BYTES = "(instr(e.data, CAST({} AS BLOB)) > 0 OR instr(e.data, x'5C') > 0)"
# Looks at the members only where the name stands in the text twice, or may be there in disguise.
_MEMBERS = f"SELECT count(*) FROM json_each({_TEXT}, {{above}}) WHERE key = {{name}}"  # noqa: S608 - our own names
_TWICE = (
    f"((instr({_TEXT}, '\\u') > 0 "
    f"OR instr(substr({_TEXT}, instr({_TEXT}, {{name}}) + 1), {{name}}) > 0) "
    f"AND ({_MEMBERS}) > 1)"
)


def data_terms(where: Sequence[DataTest]) -> tuple[str, dict[str, Any]]:
    """A term, and its values; `where` is not empty."""
    needed: list[str] = []
    terms: list[str] = []
    values: dict[str, Any] = {}
    for number, test in enumerate(where):
        term, bound = _term(test, number)
        terms.append(term)
        values |= bound
        needed += [_BYTES.format(f":{name}") for name in _texts(test, number) if name in bound]
    return " AND ".join((*needed, _IS_JSON.format(" AND ".join(terms)))), values


def _texts(test: DataTest, number: int) -> Iterator[str]:
    """The values of `_term` that are in every text of which the test is true."""
    if test.operator == "=" and isinstance(test.value, str):
        yield f"low{number}"
    for depth, step in enumerate(test.path):
        if isinstance(step, str):
            yield f"name{number}_{depth}"


def _term(test: DataTest, number: int) -> tuple[str, dict[str, Any]]:
    path = _sql_path(test.path)
    if path is None:
        return "TRUE", {}
    name = f"path{number}"
    twice, named = _named_twice(test.path, number)
    values: dict[str, Any] = {name: path, **named}
    if test.operator in (EXISTS, "!=") or test.value is None:
        holds = f"json_type({_TEXT}, :{name}) IS NOT NULL"
    else:
        compare, bounds = _comparison(test, number)
        holds = f"({_TEXT} ->> :{name}) {compare}"
        values |= bounds
    return f"({' OR '.join((holds, *twice))})", values


def _named_twice(path: Path, number: int) -> tuple[list[str], dict[str, Any]]:
    """Terms that are true where a member on the way is named twice, if only in other letters."""
    terms: list[str] = []
    values: dict[str, Any] = {}
    for depth, step in enumerate(path):
        if isinstance(step, str):
            name, above = f"name{number}_{depth}", f"above{number}_{depth}"
            values |= {name: step, above: _sql_path(path[:depth])}
            terms.append(_TWICE.format(name=f":{name}", above=f":{above}"))
    return terms, values


def _comparison(test: DataTest, number: int) -> tuple[str, dict[str, Any]]:
    """What follows the value that was found; borders belong to it, `holds` looks closer."""
    low, high = _range(test.value)
    names = {"low": f"low{number}", "high": f"high{number}"}
    if test.operator == "=":
        sql = "BETWEEN :{low} AND :{high}".format(**names)
        return sql, {names["low"]: low, names["high"]: high}
    if test.operator in ("<", "<="):
        return "<= :{high}".format(**names), {names["high"]: high}
    return ">= :{low}".format(**names), {names["low"]: low}


def _range(value: Any) -> tuple[Any, Any]:
    """Between what a value may lie once SQLite has read it; it rounds long numbers its own way."""
    if isinstance(value, str | bool):
        return value, value
    largest = int(sys.float_info.max)
    near = float(max(-largest, min(largest, value)))
    slack = abs(near) * _ROUNDING + sys.float_info.min
    return near - slack, near + slack


def _sql_path(path: Path) -> str | None:
    """The path as SQLite writes it; None where a name has characters that it could mistake."""
    if not all(isinstance(step, int) or _PLAIN.fullmatch(step) for step in path):
        return None
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
