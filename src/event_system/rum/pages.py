"""Pages by their patterns, so that no address of a visitor becomes a label of its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import unquote

OTHER: Final = "other"
"""What is not on the list: of pages, features and goals."""
MAX_PATTERNS: Final = 100
_PARAMETER: Final = re.compile(r"\{\w+\}")
_PATTERN: Final = re.compile(r"(?=/)(?:/(?:\{\w+\}|[\w.~!$&'()+,;=:@-]+))*(?:/\*?)?")


def check_pattern(pattern: str) -> None:
    """Raise `ValueError` where this is no path such as `/shop/{item}` or `/blog/*`."""
    if len(pattern) > 200 or not _PATTERN.fullmatch(pattern):
        raise ValueError(f"{pattern[:80]!r} is no path such as /shop/{{item}} or /blog/*")


class Pages:
    """Patterns in their order: the first one that fits a path names its page.

    `{name}` is one segment of a path, `*` at the end all the rest. Slashes at the end do not
    count.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = [(pattern, _compiled(pattern)) for pattern in patterns]

    def of(self, path: str) -> str:
        """The pattern of a path, or `other`."""
        plain = _plain(path)
        for pattern, expression in self._patterns:
            if expression.fullmatch(plain):
                return pattern
        return OTHER


def known(name: str, names: Collection[str]) -> str:
    """The name if it is on the list, or `other`."""
    return name if name in names else OTHER


def _plain(path: str) -> str:
    """The path alone: no query, no fragment, no slashes at its end; readable."""
    return unquote(re.split(r"[?#]", path, maxsplit=1)[0]).rstrip("/") or "/"


def _compiled(pattern: str) -> re.Pattern[str]:
    """Each part takes what the next one cannot, so that matching takes linear time."""
    rest = pattern.endswith("*")
    head = pattern.removesuffix("*") if rest else _plain(pattern)
    parts = [re.escape(part) for part in _PARAMETER.split(head)]
    tail = ".*" if rest else ""
    return re.compile("[^/]+".join(parts) + tail, re.DOTALL)
