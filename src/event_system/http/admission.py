"""Who is let in while there is much to do.

While less than half of `max_in_flight` requests are under way, the backlog is not full and no
limits are configured, all that a request costs here is its count: `calm` says up to which
number of requests nobody is looked at before the request is read, `unjudged` when it has been.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from event_system.delivery.backlog import Backlog
from event_system.events.event import Row
from event_system.events.limiter import (
    MAX_REMEMBERED,
    Limiter,
    Share,
    TypeRates,
    Want,
    standings,
)
from event_system.events.limits import Buckets
from event_system.http.answer import Answer, Reply
from event_system.http.limit_lines import LimitLines, limit_lines
from event_system.kernel.errors import BusyError, UnfairShareError

LARGE_BODY = 65_536
"""Bytes from which a body counts; what is smaller is bounded by the number of requests."""


@dataclass(slots=True)
class AdmissionSettings:
    """What an operator can change while the node runs."""

    max_in_flight: int = 4096
    max_in_flight_bytes: int = 256 * 1024 * 1024


class _Kept(NamedTuple):
    """What single events of one sender, source and type count for, and how that is told."""

    wants: tuple[Want, ...]
    shares: tuple[Share, ...]
    lines: LimitLines | None


class Admission:
    """The requests under way. Loop thread only.

    Whoever takes a request in adds one to `in_flight`, and takes it off with the answer.
    """

    def __init__(self, settings: AdmissionSettings, limiter: Limiter, backlog: Backlog) -> None:
        self.in_flight = 0
        self.held_bytes = 0
        self.calm = 0
        self.unjudged = 0
        self._settings = settings
        self._limiter = limiter
        self._backlog = backlog
        self._shares: dict[str, int] = {}
        self._kept: dict[tuple[str, int, int], _Kept] = {}
        self._lines: dict[tuple[Buckets, ...], LimitLines] = {}
        backlog.changed = self.refresh
        limiter.changed = self.refresh
        self.refresh()

    def configure(self, settings: AdmissionSettings) -> None:
        self._settings = settings
        self.refresh()

    def use_types(self, rates: TypeRates) -> None:
        """From now on event types have these rates."""
        self._limiter.use_types(rates)

    def refresh(self) -> None:
        """Look anew at the settings, the limiter and the backlog: one of them has changed."""
        half = self._settings.max_in_flight // 2
        self.calm = -1 if self._backlog.full else half
        self.unjudged = -1 if self._limiter.active else half
        self._kept.clear()
        self._lines.clear()

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
        crowded = self.in_flight > self._settings.max_in_flight // 2
        if crowded:
            self._check_share(rows[0][6])
        if self._limiter.active:
            told = self._take_one(sender, rows[0]) if len(rows) == 1 else self._take(sender, rows)
            if told:
                reply = partial(tell, told, reply)
        return self._leaving(rows[0][6], reply) if crowded else reply

    def place(self, source: str, reply: Reply) -> Reply:
        """As `admit` without the limits, for a request that waits to hear of them."""
        if self.in_flight <= self._settings.max_in_flight // 2:
            return reply
        self._check_share(source)
        return self._leaving(source, reply)

    def wants(self, sender: str, rows: Sequence[Row]) -> Sequence[Want]:
        """What a request takes from the limits; nothing where none concerns it."""
        if not self._limiter.active:
            return ()
        if len(rows) > 1:
            return self._limiter.wants(sender, rows)
        who = sender, rows[0][3], rows[0][2]
        return (self._kept.get(who) or self._keep(who, rows[0])).wants

    def lines(
        self, sender: str, rows: Sequence[Row], wants: Sequence[Want], waits: Sequence[float]
    ) -> bytes:
        """How it is told that what a request wanted is full again in so many seconds."""
        if len(rows) == 1:
            kept = self._kept.get((sender, rows[0][3], rows[0][2]))
            if kept is not None and kept.wants is wants and kept.lines is not None:
                return kept.lines.of(waits)
        claims = zip(wants, waits, strict=True)
        return limit_lines(standings([(want.buckets, want.key, at) for want, at in claims], 0.0))

    def take(self, sender: str, rows: Sequence[Row]) -> bytes:
        """Take a request's events from this node's limits; how that is told.

        Raises `RateLimitedError`.
        """
        return self._take_one(sender, rows[0]) if len(rows) == 1 else self._take(sender, rows)

    def _check_share(self, source: str) -> None:
        held = self._shares.get(source, 0)
        if held > self._settings.max_in_flight - self.in_flight:
            raise UnfairShareError(f"{held} requests of {source[:80]!r} are under way")

    def _take(self, sender: str, rows: Sequence[Row]) -> bytes:
        claims = self._limiter.admit(sender, rows)
        return limit_lines(standings(claims, self._limiter.now))

    def _take_one(self, sender: str, row: Row) -> bytes:
        """As `_take`, for much less: buckets and lines are found once, and seldom partly empty."""
        who = sender, row[3], row[2]
        _, shares, lines = self._kept.get(who) or self._keep(who, row)
        if lines is None:
            return b""
        waits = self._limiter.take_one(shares)
        if waits is None:
            return self._take(sender, (row,))  # which tells why not
        return lines.of(waits) if waits else lines.fresh

    def _keep(self, who: tuple[str, int, int], row: Row) -> _Kept:
        if len(self._kept) >= MAX_REMEMBERED:
            self._kept.clear()
            self._lines.clear()
        wants = self._limiter.wants(who[0], [row])
        lines = None
        if wants:
            every = tuple([want.buckets for want in wants])
            lines = self._lines.get(every) or self._lines.setdefault(every, LimitLines(every))
        shares = tuple([(want.buckets, want.key) for want in wants])
        kept = self._kept[who] = _Kept(wants, shares, lines)
        return kept

    def _leaving(self, source: str, reply: Reply) -> Reply:
        self._shares[source] = self._shares.get(source, 0) + 1

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


def tell(told: bytes, reply: Reply, answer: Answer) -> None:
    """Answer with further lines in the head."""
    reply(Answer(answer.status, answer.body, answer.media_type, told + answer.lines))
