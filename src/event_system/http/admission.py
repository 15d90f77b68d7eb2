"""Who is let in while there is much to do, and how a sender is told of its limits.

While less than half of `max_in_flight` requests are under way, the backlog is not full and no
limits are configured, all that a request costs here is its count: `calm` says up to which
number of requests nobody is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from event_system.delivery.backlog import Backlog
from event_system.events.event import Row
from event_system.events.limiter import Limiter, TypeRates, standings
from event_system.http.answer import Answer, Reply
from event_system.kernel.errors import (
    BusyError,
    EventSystemError,
    PreconditionFailedError,
    RateLimitedError,
    UnfairShareError,
)
from event_system.kernel.quota import Standing

LARGE_BODY = 65_536
"""Bytes from which a body counts; what is smaller is bounded by the number of requests."""

_ROUNDING = 1e-4
"""Of an event or a second: sums of times are not exact, and what is told are whole numbers."""


@dataclass(slots=True)
class AdmissionSettings:
    """What an operator can change while the node runs."""

    max_in_flight: int = 4096
    max_in_flight_bytes: int = 256 * 1024 * 1024


class Admission:
    """The requests under way. Loop thread only.

    Whoever takes a request in adds one to `in_flight`, and takes it off with the answer.
    """

    def __init__(self, settings: AdmissionSettings, limiter: Limiter, backlog: Backlog) -> None:
        self.in_flight = 0
        self.held_bytes = 0
        self.calm = 0
        self._settings = settings
        self._limiter = limiter
        self._backlog = backlog
        self._shares: dict[str, int] = {}
        backlog.changed = self.refresh
        self.refresh()

    def configure(self, settings: AdmissionSettings) -> None:
        self._settings = settings
        self.refresh()

    def use_types(self, rates: TypeRates) -> None:
        """From now on event types have these rates."""
        self._limiter.use_types(rates)
        self.refresh()

    def refresh(self) -> None:
        """To be called when the limiter or the backlog has changed."""
        watchful = self._limiter.active or self._backlog.full
        self.calm = -1 if watchful else self._settings.max_in_flight // 2

    # Requests

    def knock(self) -> None:
        """Judge a request that is not counted yet, before it is read. Raises as `enter` does."""
        if self.in_flight >= self.calm:
            self.enter(1)

    def enter(self, uncounted: int = 0) -> None:
        """Judge a request that is counted, or is one of `uncounted`, before any work.

        Raises `BacklogFullError` and `BusyError`.
        """
        if self._backlog.full:
            self._backlog.check()
        if self.in_flight + uncounted > self._settings.max_in_flight:
            raise BusyError(f"over {self._settings.max_in_flight} requests are under way")

    def admit(self, sender: str, rows: Sequence[Row], reply: Reply) -> Reply:
        """Judge a request that has been read; what to answer it with.

        Raises `UnfairShareError` and `RateLimitedError`. A busy node lets a source have as
        many requests under way as there are places free (a dynamic threshold, after Choudhury
        and Hahne): n greedy sources get a share of 1/(n+1) each, and one that asks for little
        always finds a place.
        """
        source = rows[0][6]
        crowded = self.in_flight > self._settings.max_in_flight // 2
        held = self._shares.get(source, 0)
        if crowded and held > self._settings.max_in_flight - self.in_flight:
            raise UnfairShareError(f"{held} requests of {source[:80]!r} are under way")
        told = b""
        if self._limiter.active:
            claims = self._limiter.admit(sender, rows)
            told = limit_lines(standings(claims, self._limiter.now))
        if not crowded:
            return _telling(told, reply) if told else reply
        self._shares[source] = held + 1
        return self._leaving(source, _telling(told, reply))

    def _leaving(self, source: str, reply: Reply) -> Reply:
        def leave(answer: Answer) -> None:
            left = self._shares[source] - 1
            if left:
                self._shares[source] = left
            else:
                del self._shares[source]
            reply(answer)

        return leave

    # Bytes

    def hold(self, size: int, mine: int) -> None:
        """Count bytes of a large body, of which `mine` are held already.

        Raises `BusyError` where all others leave no room; one request always has some.
        """
        others = self.held_bytes - mine
        if others > 0 and self.held_bytes + size > self._settings.max_in_flight_bytes:
            raise BusyError(f"{self.held_bytes} bytes of requests are held")
        self.held_bytes += size

    def release(self, size: int) -> None:
        self.held_bytes -= size


def _telling(told: bytes, reply: Reply) -> Reply:
    return lambda answer: reply(msgspec.structs.replace(answer, lines=told + answer.lines))


def error_lines(error: EventSystemError) -> bytes:
    """What the answer to an error says in its head besides what all of its status say."""
    if isinstance(error, PreconditionFailedError) and error.last_offset is not None:
        return b'\r\netag: "%d"' % error.last_offset
    if not isinstance(error, RateLimitedError) or error.standing is None:
        return b""
    wait = max(1, _seconds(error.standing.reset))
    return b"\r\nretry-after: %d%b" % (wait, limit_lines([error.standing]))


def _seconds(exactly: float) -> int:
    return math.ceil(exactly - _ROUNDING)


def limit_lines(found: Sequence[Standing]) -> bytes:
    """`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10) as lines."""
    if not found:
        return b""
    values: list[float] = []
    for _, _, _, left, reset in found:
        values += (left + _ROUNDING, _seconds(reset))
    return _pattern_of(tuple([standing[:3] for standing in found])) % tuple(values)


@lru_cache(maxsize=1024)
def _pattern_of(policies: tuple[tuple[str, int, float], ...]) -> bytes:
    """The lines of these policies (name, burst, span), with room for `r` and `t` of each."""
    told = [
        b'"%b";q=%d;w=%d' % (name.encode(), burst, max(1, _seconds(span)))
        for name, burst, span in policies
    ]
    now = [b'"%b";r=%%d;t=%%d' % name.encode() for name, _, _ in policies]
    return b"\r\nratelimit-policy: %b\r\nratelimit: %b" % (b", ".join(told), b", ".join(now))
