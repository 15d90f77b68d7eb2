"""What `event-system top` knows: looks at a node, and the figures that they add up to.

A look that fails says so and is one all the same: the node may come back.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from event_system.cli.client import Connection, decoded, json_of, reaching
from event_system.kernel.clock import Clock
from event_system.kernel.errors import EventSystemError

KEPT_LOOKS: Final = 60
DOWN: Final = "down"
SORTS: Final = ("lag", "rate", "errors", "name")
_SERVER_FAULT: Final = 500


@dataclass(frozen=True, slots=True)
class Look:
    """A node at one moment; `at` is seconds of a clock that never goes back."""

    at: float
    health: str
    components: dict[str, str] = field(default_factory=dict)
    events: int = 0
    listeners: tuple[dict[str, Any], ...] = ()
    error: str | None = None

    @property
    def lags(self) -> dict[str, int]:
        return {each["name"]: each["lag"] for each in self.listeners}


class Looks:
    """The last looks at a node."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.connection = connection
        self._clock = clock
        self._client = httpx.Client(
            **{**connection.options(), "timeout": httpx.Timeout(5.0, connect=2.0)}
        )
        self._kept: deque[Look] = deque(maxlen=KEPT_LOOKS)

    def close(self) -> None:
        self._client.close()

    def take(self) -> None:
        """Look once more. Raises what the node refuses with, such as `UnauthorizedError`."""
        at = self._clock.monotonic()
        try:
            with reaching(self.connection.url):
                self._kept.append(self._look(at))
        except EventSystemError as error:
            if error.status < _SERVER_FAULT:
                raise
            self._kept.append(Look(at, DOWN, error=error.detail))

    def _look(self, at: float) -> Look:
        health = json_of(self._client.get("/health"))
        newest = decoded(self._client.get("/api/events?limit=1&fields=offset"))["events"]
        return Look(
            at,
            health.get("status", DOWN),
            health.get("components", {}),
            newest[0]["offset"] if newest else 0,
            tuple(decoded(self._client.get("/api/listeners"))["listeners"]),
        )

    @property
    def last(self) -> Look:
        """The last look."""
        return self._kept[-1]

    @property
    def _good(self) -> list[Look]:
        return [look for look in self._kept if look.error is None]

    def figures(self, sort: str = "name") -> dict[str, Any]:
        """Everything that is shown; of a node that is down, what was known of it last."""
        last, good = self.last, self._good
        known = good[-1] if good else last
        listeners = [self._listener(each) for each in known.listeners]
        listeners.sort(key=lambda each: each["name"])
        if sort != "name":
            column = {"errors": "errors_per_second", "rate": "per_second"}.get(sort, sort)
            listeners.sort(key=lambda each: each[column], reverse=True)
        return {
            "url": self.connection.url,
            "health": last.health,
            "components": known.components,
            "error": last.error,
            "events": known.events,
            "accepted_per_second": 0.0 if last.error else self._growth(),
            **{name: sum(each[name] for each in listeners) for name in _SUMMED},
            "listeners": listeners,
        }

    def _growth(self) -> float:
        """Events a second between the last two looks."""
        if len(self._good) < 2:
            return 0.0
        before, after = self._good[-2:]
        return round(max(0, after.events - before.events) / (after.at - before.at), 1)

    def _listener(self, status: dict[str, Any]) -> dict[str, Any]:
        lags = self.lags(status["name"])
        return {
            **{name: status[name] for name in ("name", "mode", "state", "lag")},
            "lag_trend": self._trend(status["name"]),
            "lags": lags,
            "per_second": status["rate"],
            "errors_per_second": status["error_rate"],
            "retrying": status.get("retrying", 0),
            "dead": status.get("dead", 0),
            "last_error": status["last_error"],
        }

    def lags(self, listener: str) -> list[int]:
        """A listener's lag at each look at which it was known, the oldest first."""
        return [look.lags[listener] for look in self._good if listener in look.lags]

    def _trend(self, listener: str) -> float:
        """By how many events a second the lag has grown over the looks that are kept."""
        known = [look for look in self._good if listener in look.lags]
        if len(known) < 2:
            return 0.0
        first, last = known[0], known[-1]
        return round((last.lags[listener] - first.lags[listener]) / (last.at - first.at), 1)


_SUMMED: Final = (*("lag", "lag_trend", "per_second", "errors_per_second", "retrying", "dead"),)
