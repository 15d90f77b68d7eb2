"""HTTP: requests, their time and size, and connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from event_system.metrics.manager import MetricsManager
from event_system.metrics.rates import Growth

SECONDS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
    *(0.5, 1.0, 2.5, 5.0, 10.0),
)
BYTES: Final = (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
MINUTE: Final = 60


class Answers(Protocol):
    """Finished answers of one route."""

    @property
    def seconds(self) -> Sequence[float]: ...
    @property
    def sizes(self) -> Sequence[float]: ...


class HttpMetrics:
    """What was asked over HTTP. `refresh` takes over what has come together, once a second."""

    def __init__(
        self,
        manager: MetricsManager,
        *,
        take: Callable[[], Mapping[str, Answers]],
        in_flight: Callable[[], int],
        calls: Callable[[], int],
    ) -> None:
        self._take = take
        self._seconds = manager.register_histogram(
            "http_request_duration_seconds",
            "From a request's last byte to its answer, live streams left out.",
            "route",
            buckets=SECONDS,
        )
        self._sizes = manager.register_histogram(
            "http_response_size_bytes", "Bodies of answers.", "route", buckets=BYTES
        )
        manager.register_gauge_function(
            "http_requests_in_flight", "Requests that are not answered yet.", in_flight
        )
        manager.register_function(
            "counter", "api_calls_total", "Answered requests under /api.", (), lambda: {(): calls()}
        )

    def refresh(self) -> None:
        for route, answers in self._take().items():
            self._seconds.child(route).observe_many(answers.seconds)
            self._sizes.child(route).observe_many(answers.sizes)


class ConnectionMetrics:
    """Connections of clients. `refresh` once a second."""

    def __init__(
        self,
        manager: MetricsManager,
        *,
        number: Callable[[], int],
        opened: Callable[[], int],
        errors: Callable[[], Mapping[str, int]],
    ) -> None:
        self._opened = opened
        self._growth = Growth(MINUTE)
        manager.register_gauge_function("connection_count", "Open connections.", number)
        self._rate = manager.register_gauge(
            "connection_rate", "New connections per second, over the last minute."
        ).child()
        manager.register_function(
            "counter",
            "connection_errors",
            "Connections that were refused, ended for a fault of the client, or lost.",
            ("reason",),
            lambda: {(reason,): number for reason, number in errors().items()},
            exact=True,
        )

    def refresh(self, now: float) -> None:
        self._rate.set(self._growth.per_second(self._opened(), now))
