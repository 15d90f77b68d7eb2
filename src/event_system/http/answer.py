"""A whole answer of the routes that take events, whoever sends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

ANSWER_JSON = b"application/json"
ANSWER_PROBLEM = b"application/problem+json"


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A whole HTTP answer. `lines` are further lines of its head, each after a line break."""

    status: int
    body: bytes
    media_type: bytes = ANSWER_JSON
    lines: bytes = b""

    def headers(self) -> dict[str, str]:
        """What `lines` say."""
        pairs = (line.partition(": ") for line in self.lines.decode("latin-1").split("\r\n"))
        return {name: value for name, _, value in pairs if name}


Reply: TypeAlias = Callable[[Answer], None]
