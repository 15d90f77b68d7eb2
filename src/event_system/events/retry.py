"""How often, and after which pauses, a failed delivery is tried again."""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_ATTEMPTS = 10_000
MIN_BASE = 1e-6
MAX_PAUSE = 366 * 86_400.0
MAX_FACTOR = 1_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Attempts in all, and the pauses between them: exponential, capped, with full jitter.

    The pause after the n-th attempt is even between 0 and `min(cap, base * factor ** (n - 1))`
    seconds. An event whose last attempt has failed is a dead letter; with one attempt there
    are no retries. Raises `ValueError` for values that cannot work.
    """

    attempts: int = 5
    base: float = 1.0
    factor: float = 4.0
    cap: float = 3600.0

    def __post_init__(self) -> None:
        rules = {
            f"attempts must be 1 to {MAX_ATTEMPTS}": 1 <= self.attempts <= MAX_ATTEMPTS,
            "base must be 0, or 1 µs to 366 days in seconds": (
                self.base == 0 or MIN_BASE <= self.base <= MAX_PAUSE
            ),
            f"factor must be 1 to {MAX_FACTOR:g}": 1 <= self.factor <= MAX_FACTOR,
            "cap must be 0 to 366 days in seconds": 0 <= self.cap <= MAX_PAUSE,
        }
        for text, holds in rules.items():
            if not holds:
                raise ValueError(f"retry: {text}")


def longest_delay(policy: Retry, attempt: int) -> float:
    """The longest pause after this attempt (from 1), in seconds.

    The exponent is capped before it is raised: any attempt's is a float.
    """
    if policy.base >= policy.cap or policy.base == 0:
        return min(policy.base, policy.cap)
    if policy.factor == 1:
        return policy.base
    reaches_cap = math.log(policy.cap / policy.base) / math.log(policy.factor)
    if attempt - 1 >= reaches_cap:
        return policy.cap
    return min(policy.cap, policy.base * policy.factor ** (attempt - 1))


def next_delay(policy: Retry, attempt: int, u: float) -> float:
    """The pause after this attempt (from 1), in seconds; `u` is random, 0 to 1."""
    return u * longest_delay(policy, attempt)
