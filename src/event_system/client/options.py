"""What a client can be told: sizes, times, and where time and chance come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from event_system.kernel.chance import RandomBytes, system_random_bytes
from event_system.kernel.clock import Clock, SystemClock

MAX_IN_FLIGHT: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """Times in seconds, sizes in bytes.

    `batch_events`, `batch_bytes`: a batch is sent when it has so many, or after `linger`.
    `buffered_events`, `buffered_bytes`: what may wait for its answer; then `send` waits.
    `max_in_flight`: batches under way at once; events of one subject are never in two of them.
    `timeout`: of one try. `retry_for`: how long a request is tried before its error is told.
    `close_timeout`: what the buffered events get when the client is closed.
    `transport`: another way to the node than the network, for tests.
    """

    batch_events: int = 500
    batch_bytes: int = 1_048_576
    linger: float = 0.01
    buffered_events: int = 10_000
    buffered_bytes: int = 67_108_864
    max_in_flight: int = 1
    timeout: float = 30.0
    retry_for: float = 120.0
    close_timeout: float = 30.0
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None
    clock: Clock = field(default_factory=SystemClock)
    random_bytes: RandomBytes = system_random_bytes

    def __post_init__(self) -> None:
        for name in ("batch_events", "batch_bytes", "buffered_events", "buffered_bytes"):
            _check(getattr(self, name) >= 1, name, "at least 1")
        _check(1 <= self.max_in_flight <= MAX_IN_FLIGHT, "max_in_flight", f"1 to {MAX_IN_FLIGHT}")
        for name in ("linger", "retry_for", "close_timeout"):
            _check(getattr(self, name) >= 0, name, "0 or more")
        _check(self.timeout > 0, "timeout", "above 0")

    def http(self, url: str, key: str | None) -> httpx.AsyncClient:
        """The HTTP client that these options ask for."""
        made: dict[str, Any] = {} if self.transport is None else {"transport": self.transport()}
        return httpx.AsyncClient(
            base_url=url,
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(self.timeout, connect=min(5.0, self.timeout), pool=None),
            **made,
        )


def _check(holds: bool, name: str, wanted: str) -> None:
    if not holds:
        raise ValueError(f"`{name}` must be {wanted}")
