"""How a sender stands to a limit."""

from __future__ import annotations

from typing import NamedTuple


class Standing(NamedTuple):
    """A sender's place in one policy: `burst` events at once, as many again in `span` seconds.

    `left` can be sent now; in `reset` seconds it is `burst` again, or, after a refusal, enough.
    """

    policy: str
    burst: int
    span: float
    left: float
    reset: float
