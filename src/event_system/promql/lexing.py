"""What has to happen to a query's text before the parser sees it.

The parser is recursive native code: what nests too deeply would end the process, so it is
counted first. Comments are left out, so that only this lexer decides where one ends. The parser
unescapes what stands in backticks, so these strings become quoted ones.
"""

from __future__ import annotations

import re
from typing import Final

from event_system.kernel.errors import PromqlSyntaxError

LONGEST: Final = 65_536
"""Characters of a query."""
MOST_OPERATORS: Final = 250
"""Operators, calls and parentheses of a query: each may be a level of the tree."""

_TOKEN = re.compile(
    r"""
    (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<raw>`[^`]*`)
    |(?P<comment>\#[^\r\n]*)
    |(?P<past>@\s*-)
    |(?P<operator>[(+*/%^<>-]|[=!]=|\b(?:and|or|unless|atan2)\b)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def prepared(query: str) -> str:
    """The query as the parser can read it. Raises `PromqlSyntaxError` for one that is too large."""
    if len(query) > LONGEST:
        raise PromqlSyntaxError(f"the query has {len(query)} characters; {LONGEST} are allowed")
    _refuse_half_characters(query)
    operators = 0

    def seen(match: re.Match[str]) -> str:
        nonlocal operators
        kind, text = match.lastgroup, match[0]
        if kind == "past":
            raise PromqlSyntaxError("parse error: `@` with a time before 1970")
        operators += kind == "operator"
        if kind == "comment":
            return ""
        return _quoted(text[1:-1]) if kind == "raw" else text

    text = _TOKEN.sub(seen, query)
    if operators > MOST_OPERATORS:
        raise PromqlSyntaxError(
            f"the query has {operators} operators, calls and parentheses; "
            f"{MOST_OPERATORS} are allowed"
        )
    return text


def _refuse_half_characters(query: str) -> None:
    try:
        query.encode()
    except UnicodeEncodeError as error:
        raise PromqlSyntaxError("the query is no UTF-8") from error


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
