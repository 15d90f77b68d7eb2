"""Regular expressions as Prometheus reads them: RE2's language, which matches in linear time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import re2

from event_system.kernel.errors import PromqlSyntaxError

LONGEST: Final = 16_384
"""Characters of an expression."""
_MEMORY: Final = 8 * 1024 * 1024


@lru_cache(256)
def anchored(pattern: str) -> Callable[[str], bool]:
    """A test whether a text matches as a whole. Raises `PromqlSyntaxError`."""
    match = compiled(pattern).fullmatch
    return lru_cache(4096)(lambda text: match(text) is not None)


@lru_cache(256)
def compiled(pattern: str) -> Any:
    """The expression. Raises `PromqlSyntaxError` where RE2 refuses it."""
    if len(pattern) > LONGEST:
        raise PromqlSyntaxError(f"a regular expression of {len(pattern)} characters; {LONGEST} fit")
    try:
        return re2.compile(pattern, _options())
    except (re2.error, UnicodeEncodeError) as error:
        raise PromqlSyntaxError(f"the regular expression {pattern!r}: {_said(error)}") from error


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    options.dot_nl = True
    return options


def _said(error: Exception) -> str:
    text = error.args[0] if error.args else error
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
