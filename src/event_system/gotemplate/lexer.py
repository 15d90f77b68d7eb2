"""Templates as pieces: text, and the tokens of each action between `{{` and `}}`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from event_system.kernel.errors import TemplateError

_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    | (?P<char>'(?:[^'\\\n]|\\.)+')
    | (?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+))
    | (?P<field>\.[^\W\d]\w*)
    | (?P<dot>\.)
    | (?P<variable>\$\w*)
    | (?P<word>[^\W\d]\w*)
    | (?P<mark>:=|=|\||\(|\)|,)
    """,
    re.VERBOSE,
)
_COMMENT: Final = re.compile(r"\{\{(-\s+)?/\*(.*?)\*/(\s+-)?\}\}", re.DOTALL)


class Token(NamedTuple):
    """`glued` says that no space stands before it."""

    kind: str
    text: str
    glued: bool


class Piece(NamedTuple):
    """Text (`tokens` is None), or an action."""

    text: str
    tokens: tuple[Token, ...] | None
    line: int


def pieces(source: str, name: str) -> Iterator[Piece]:
    """Raises `TemplateError`."""
    place, trims = 0, False
    while (begin := source.find("{{", place)) >= 0:
        line = source.count("\n", 0, begin) + 1
        text = _trimmed(source[place:begin], trims, source[begin : begin + 4])
        if text:
            yield Piece(text, None, line)
        comment = _COMMENT.match(source, begin)
        if comment is not None:
            place, trims = comment.end(), comment[3] is not None
            continue
        inside = begin + (3 if _trims_left(source[begin : begin + 4]) else 2)
        tokens, place, trims = _action(source, inside, f"{name}:{line}")
        yield Piece("", tokens, line)
    rest = _trimmed(source[place:], trims, "")
    if rest:
        yield Piece(rest, None, source.count("\n") + 1)


def _trims_left(opening: str) -> bool:
    return opening.startswith("{{-") and opening[3:].isspace()


def _trimmed(text: str, after_trim: bool, opening: str) -> str:
    if after_trim:
        text = text.lstrip()
    return text.rstrip() if _trims_left(opening) else text


def _action(source: str, place: int, where: str) -> tuple[tuple[Token, ...], int, bool]:
    tokens: list[Token] = []
    glued = False
    while True:
        if source.startswith("}}", place):
            return tuple(tokens), place + 2, False
        if source.startswith("-}}", place) and not glued:
            return tuple(tokens), place + 3, True
        found = _TOKEN.match(source, place)
        if found is None:
            raise TemplateError(_problem(source, place), where=where)
        place = found.end()
        if found.lastgroup == "space":
            glued = False
            continue
        tokens.append(Token(str(found.lastgroup), found[0], glued))
        glued = True


def _problem(source: str, place: int) -> str:
    if place >= len(source):
        return "an action is not closed: `}}` is missing"
    return f"unexpected {source[place]!r} in an action"
