"""Where randomness comes from."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

RandomBytes: TypeAlias = Callable[[int], bytes]
"""So many random bytes."""

system_random_bytes: RandomBytes = os.urandom
_RANGE = 1 << 32


def fraction(random_bytes: RandomBytes) -> float:
    """A random number from 0 up to, but not, 1."""
    return int.from_bytes(random_bytes(4), "big") / _RANGE
