"""Beacons on their way in: from whom, how many, and into which numbers."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from event_system.events.limits import Buckets, Rate
from event_system.kernel.errors import BeaconLimitError, EventSystemError, ForeignOriginError
from event_system.rum.beacon import MEASURES, Beacon, read_beacon
from event_system.rum.pages import Pages, known
from event_system.rum.ports import Sink

ANY_ORIGIN: Final = "*"
_ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class RumSettings:
    """What an operator has decided. Rates are beacons a second; `sample` is a share of visits."""

    rate: Rate
    rate_per_address: Rate
    origins: Collection[str] = ()
    pages: tuple[str, ...] = ()
    features: Collection[str] = ()
    goals: Collection[str] = ()
    sample: float = 1.0


class BeaconIntake:
    """Takes beacons. `settings.sample` is for the script: what it sends is counted whole."""

    def __init__(self, settings: RumSettings, sink: Sink, monotonic: Callable[[], float]) -> None:
        self.settings = settings
        self._sink = sink
        self._monotonic = monotonic
        self._pages = Pages(settings.pages)
        self._all = Buckets(settings.rate)
        self._each = Buckets(settings.rate_per_address)

    def take(self, headers: Mapping[bytes, bytes], address: str, body: bytes) -> str | None:
        """Count what a beacon says; the origin that may read the answer, if one asked.

        Header names are in lower case; `address` is the sender's. Raises `ForeignOriginError`,
        `BeaconLimitError` and `InvalidBeaconError`.
        """
        try:
            origin = self._admitted_origin(headers)
            if _wants_none(headers):
                self._sink.count("beacons", 1, "opted_out")
                return origin
            self._limit(address)
            beacon = read_beacon(body)
        except EventSystemError as error:
            self._sink.count("beacons", 1, error.code)
            raise
        self._sink.count("beacons", 1, "accepted")
        self._count(beacon)
        return origin

    def _admitted_origin(self, headers: Mapping[bytes, bytes]) -> str | None:
        """The origin of the page; None where the sender names none, or it is this site."""
        text = headers.get(b"origin")
        if text is None:
            return None
        origin = text.decode("latin-1")
        if host_of(origin) == headers.get(b"host", b"").decode("latin-1").lower():
            return None
        if origin in self.settings.origins or ANY_ORIGIN in self.settings.origins:
            return origin
        raise ForeignOriginError(f"{origin[:200]!r} is not in rum.origins", where="rum.origins")

    def _limit(self, address: str) -> None:
        """Take one beacon from both buckets, or from none."""
        now, name = self._monotonic(), sender(address)
        afters = self._each.after(name, 1, now), self._all.after(_ALL, 1, now)
        if self._each.wait(afters[0], 1, now):
            raise BeaconLimitError("too many from this address", where="rum.rate_per_address")
        if self._all.wait(afters[1], 1, now):
            raise BeaconLimitError("too many altogether", where="rum.rate")
        self._each.take(name, afters[0], now)
        self._all.take(_ALL, afters[1], now)

    def _count(self, beacon: Beacon) -> None:
        sink, page = self._sink, self._pages.of(beacon.page)
        for kind, amount in beacon.errors.items():
            sink.count("errors", amount, page, kind)
        for name, amount in beacon.features.items():
            sink.count("features", amount, known(name, self.settings.features))
        for name, amount in beacon.goals.items():
            sink.count("goals", amount, known(name, self.settings.goals))
        if beacon.view:
            self._count_view(beacon, page)

    def _count_view(self, beacon: Beacon, page: str) -> None:
        sink = self._sink
        sink.count("views", 1, page)
        if beacon.errors:
            sink.count("failed_views", 1, page)
        if beacon.entry:
            sink.count("visits", 1, page)
        if beacon.continued is not None:
            sink.count("continued_visits", 1, self._pages.of(beacon.continued))
        for measure in MEASURES:
            if (ms := getattr(beacon, f"{measure}_ms")) is not None:
                sink.observe(measure, page, ms / 1000)
        if beacon.dwell_s is not None:
            sink.observe("dwell", page, beacon.dwell_s)
        if beacon.cls is not None:
            sink.observe("cls", page, beacon.cls)


def sender(address: str) -> str:
    """Whom a limit counts an address for: with IPv6 it is a network of 64 bits, which one has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 6:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address


def host_of(origin: str) -> str:
    """Host and port of an origin; empty for what is none, such as `null`."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _wants_none(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the browser says that its user does not want to be measured."""
    return headers.get(b"dnt") == b"1" or headers.get(b"sec-gpc") == b"1"
