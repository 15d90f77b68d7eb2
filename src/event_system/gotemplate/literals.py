"""Strings and character constants as Go writes them, by its specification and `strconv.Unquote`.

Python's own reader would not do: its escapes are others, and where Go writes bytes it has
characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_ONE: Final = re.compile(
    r"""
      (?P<itself>[^\\\n])
    | \\(?:
        (?P<simple>[abfnrtv\\'"])
      | (?P<octal>[0-7]{3})
      | x(?P<hexadecimal>[0-9a-fA-F]{2})
      | u(?P<short>[0-9a-fA-F]{4})
      | U(?P<long>[0-9a-fA-F]{8})
    )
    """,
    re.VERBOSE,
)
_SIMPLE: Final = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))
_NO_TEXT: Final = re.compile("[\udc80-\udcff]")
"""Bytes that are no UTF-8, as `surrogateescape` keeps them."""
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_LAST: Final = 0x10FFFF
_HALVES: Final = range(0xD800, 0xE000)


def read_string(literal: str) -> str:
    """The text of a string, interpreted (in double quotes) or raw (in backquotes).

    Bytes that are no UTF-8 become U+FFFD one by one, as where Go reads them as text. Raises
    `ValueError` where Go refuses it.
    """
    if literal.startswith("`"):
        return literal[1:-1].replace("\r", "")
    written = b"".join(
        bytes([each]) if isinstance(each, int) else each.encode("utf-8", "surrogatepass")
        for each in _each(literal)
    )
    return _NO_TEXT.sub(_REPLACEMENT, written.decode("utf-8", "surrogateescape"))


def read_character(literal: str) -> int:
    """The number that a character constant is. Raises `ValueError` where Go refuses it."""
    (only,) = _each(literal)
    return only if isinstance(only, int) else ord(only)


def _each(literal: str) -> Iterator[str | int]:
    """The characters between the quotes, and as numbers the bytes that are written as such."""
    quote, place, end = literal[0], 1, len(literal) - 1
    while place < end:
        found = _ONE.match(literal, place, end)
        if found is None:
            raise ValueError(f"{literal[place : place + 10]} is nothing that Go knows")
        place = found.end()
        kind = str(found.lastgroup)
        yield _meaning(kind, found[kind], quote)


def _meaning(kind: str, text: str, quote: str) -> str | int:
    match kind:
        case "itself" if text != quote:
            return text
        case "simple" if text not in {"'", '"'} or text == quote:
            return _SIMPLE[text]
        case "octal" if (byte := int(text, 8)) <= 0xFF:
            return byte
        case "hexadecimal":
            return int(text, 16)
        case "short" | "long" if (point := int(text, 16)) <= _LAST and point not in _HALVES:
            return chr(point)
    raise ValueError(f"{text} cannot stand there")
