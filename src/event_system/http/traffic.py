"""What was asked over HTTP: how often, how long it took, how large the answers were.

The hot routes note their answers here; `watched` does so for all others. Metrics take what has
come together once a second, so that an answer costs two entries in lists.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from event_system.http.app import AsgiApp, Message, Receive, Send
from event_system.http.ingest import BATCH, PROBE, TRIGGER

NO_ROUTE: Final = "none"
"""The route of requests that fit none: their paths are anything at all."""
_LIVE: Final = b"text/event-stream"
_HOT: Final = {(method.decode(), path.decode()) for method, path in (TRIGGER, PROBE, BATCH)}
"""HEAD counts as GET."""


@dataclass(slots=True)
class Answers:
    """Finished answers of one route: seconds from the request's last byte, and bytes."""

    seconds: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)


class Traffic:
    """`statuses` are totals by (route, status) of all but the hot routes, which count their own."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.in_flight = 0
        self._answers: defaultdict[bytes | str, Answers] = defaultdict(Answers)

    def note(self, route: bytes | str, seconds: float, size: int) -> None:
        """An answer has been given."""
        answers = self._answers[route]
        answers.seconds.append(seconds)
        answers.sizes.append(size)

    def take(self) -> dict[str, Answers]:
        """What has come together since the last time, by route."""
        taken, self._answers = self._answers, defaultdict(Answers)
        return {
            route if isinstance(route, str) else route.decode("latin-1"): answers
            for route, answers in taken.items()
        }


def watched(app: AsgiApp, traffic: Traffic) -> AsgiApp:
    """The application, its answers noted. A live stream is no answer that ends."""

    async def watch(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request = _Request(traffic, scope, send)
        traffic.in_flight += 1
        try:
            await app(scope, receive, request.send)
        finally:
            traffic.in_flight -= request.counts
            request.end()

    return watch  # type: ignore[return-value]


class _Request:
    """One request on its way through the application."""

    __slots__ = ("_began", "_scope", "_send", "_size", "_status", "_traffic", "counts")

    def __init__(self, traffic: Traffic, scope: dict[str, Any], send: Send) -> None:
        self.counts = 1
        self._traffic = traffic
        self._scope = scope
        self._send = send
        self._began = traffic.monotonic()
        self._status = 0
        self._size = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            if any(
                name == b"content-type" and _LIVE in value for name, value in message["headers"]
            ):
                self._live()
        else:
            self._size += len(message.get("body", b""))
        await self._send(message)

    def _live(self) -> None:
        self.counts = 0
        self._traffic.in_flight -= 1

    def end(self) -> None:
        """Nothing is noted of who went away unanswered, and of hot routes, which were counted."""
        scope = self._scope
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if not self._status or (method, scope["path"]) in _HOT:
            return
        route = scope.get("path_template") or NO_ROUTE
        self._traffic.statuses[route, self._status] += 1
        if self.counts:
            self._traffic.note(route, self._traffic.monotonic() - self._began, self._size)
