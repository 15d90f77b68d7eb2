"""Parameters `?` and `:name` in a statement, as the drivers of servers want them: `%s`, `%(p0)s`.

A statement is split into what a server's lexer would take for one piece: strings, quoted names,
comments and words are passed over, so that what they hold is no parameter. The rules are those of
https://www.postgresql.org/docs/current/sql-syntax-lexical.html and
https://dev.mysql.com/doc/refman/8.0/en/language-structure.html. In PostgreSQL an operator with a
question mark has to be written as its function, and a slice without a name: `a[1:2]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from event_system.sql.dsn import Dialect

Values: TypeAlias = Sequence[Any] | Mapping[str, Any]

_PARAMETERS: Final = r"(?P<name>:[A-Za-z_][A-Za-z0-9_]*)|(?P<place>\?)"
_POSTGRESQL: Final = re.compile(
    r"""(?P<space>\s+|--[^\r\n]*)
    |(?P<nested>/\*)
    |(?P<other>[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)
    |'(?:[^']|'')*(?:'|\Z)
    |"(?:[^"]|"")*(?:"|\Z)
    |\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
    |::)
    |(?P<word>[^\W\d][\w$]*)
    |(?P<number>\d[\w$.]*)
    |"""
    + _PARAMETERS,
    re.DOTALL | re.VERBOSE,
)
_MYSQL: Final = re.compile(
    r"""(?P<space>\s+|(?:\#|--(?=[\s\x00-\x1f]|\Z))[^\n]*|/\*(?![!M]).*?(?:\*/|\Z))
    |(?P<other>'(?:[^'\\]|\\.|'')*(?:'|\Z)
    |"(?:[^"\\]|\\.|"")*(?:"|\Z)
    |`(?:[^`]|``)*(?:`|\Z)
    |/\*.*?(?:\*/|\Z)
    |::)
    |(?P<word>[^\W\d][\w$]*)
    |(?P<number>\d[\w$.]*)
    |"""
    + _PARAMETERS,
    re.DOTALL | re.VERBOSE,
)
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement for a driver.

    `names` are its parameters by name, in the order of their numbers, or None where they have
    places: then there are `places` of them. `first` are its first two words in capitals.
    """

    text: str
    names: tuple[str, ...] | None
    places: int
    first: tuple[str, ...]

    def values(self, given: Values) -> Any:
        """What the driver takes for these parameters. Raises `ValueError` for a wrong number."""
        if self.names is not None:
            if not isinstance(given, Mapping):
                raise ValueError("the statement's parameters have names: give a mapping")
            if missing := [name for name in self.names if name not in given]:
                raise ValueError(f"no value is given for the parameter :{missing[0]}")
            return {f"p{number}": given[name] for number, name in enumerate(self.names)}
        if isinstance(given, Mapping) and self.places:
            raise ValueError("the statement's parameters have places: give a sequence")
        if not isinstance(given, Mapping) and len(given) != self.places:
            raise ValueError(f"the statement has {self.places} parameters, {len(given)} are given")
        return () if isinstance(given, Mapping) else tuple(given)


@lru_cache(maxsize=512)
def translated(sql: str, dialect: Dialect) -> Statement:
    """The statement for the driver of a dialect. Raises `ValueError` where both kinds are used."""
    numbers: dict[str, int] = {}
    places = 0
    first: list[str] = []
    out: list[str] = []
    for kind, piece in pieces(sql, dialect):
        if kind == "name":
            out.append(f"%(p{numbers.setdefault(piece[1:], len(numbers))})s")
        elif kind == "place":
            places += 1
            out.append("%s")
        else:
            if kind == "word" and len(first) < 2:
                first.append(piece.upper())
            out.append(piece.replace("%", "%%"))
    if numbers and places:
        raise ValueError("a statement has either `?` or `:name` parameters, not both")
    return Statement("".join(out), tuple(numbers) if numbers else None, places, tuple(first))


def pieces(sql: str, dialect: Dialect) -> Iterator[tuple[str, str]]:
    """The statement in pieces: `name`, `place`, `word`, `space` and `other`; joined they are it."""
    pattern = _POSTGRESQL if dialect == "postgresql" else _MYSQL
    at = 0
    while at < len(sql):
        found = pattern.match(sql, at)
        if found is None:
            yield "other", sql[at]
            at += 1
            continue
        kind, end = found.lastgroup or "other", found.end()
        if kind == "nested":
            kind, end = "space", _end_of_comment(sql, at)
        yield "other" if kind in ("tag", "number") else kind, sql[at:end]
        at = end


def _end_of_comment(sql: str, start: int) -> int:
    """Where a comment ends that may hold others."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)
