"""What a node has of the machine that it runs on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from event_system.kernel.clock import CallLater, Clock


@dataclass(frozen=True, slots=True)
class Machine:
    """What only the outermost layer may touch: time and randomness.

    `call_later` is for what is due at a time of `clock`.
    """

    clock: Clock
    random_bytes: Callable[[int], bytes]
    call_later: CallLater
