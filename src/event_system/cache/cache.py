"""The cache: found in memory, found on the server that nodes share, or loaded once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec

from event_system.cache.flight import Flight, Flights, Load
from event_system.cache.memory import Memory
from event_system.cache.ports import Ears, Found, Remote
from event_system.kernel.chance import RandomBytes, fraction
from event_system.kernel.clock import Clock
from event_system.kernel.errors import RedisUnreachableError
from event_system.kernel.tasks import end

EVERYTHING: Final = "*"
"""The tag that every entry has besides its own."""
MAX_KEY: Final = 512
MAX_TAG: Final = 256
MAX_TAGS: Final = 32
JITTER: Final = 0.1
"""Of a time to live that chance takes away, so that what was loaded together ends apart."""
LOCK_SECONDS: Final = 5.0
"""How long other nodes wait for one that loads; then they load too."""
LOOK_SECONDS: Final = 0.05
"""How often they look whether it has."""
DETACHED_SECONDS: Final = 5.0
"""How long memory may be believed while nothing is heard of other nodes."""
_encode = msgspec.msgpack.Encoder().encode
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """Bounds of a cache: times in seconds, sizes in bytes."""

    ttl: float = 300.0
    memory_ttl: float = 60.0
    negative_ttl: float = 5.0
    max_entries: int = 10_000
    max_size: int = 64 * 1024 * 1024
    max_value_size: int = 256 * 1024
    cleanup_period: float = 60.0


@dataclass(slots=True)
class CacheNumbers:
    """What happened since the start. A miss is a look-up that had to load, or to wait for it."""

    memory_hits: int = 0
    remote_hits: int = 0
    misses: int = 0
    loads: int = 0
    load_errors: int = 0
    invalidations: int = 0
    oversized: int = 0

    @property
    def hit_rate(self) -> float:
        """Look-ups that found a value, in percent; 100 where nobody has asked."""
        hits = self.memory_hits + self.remote_hits
        asked = hits + self.misses
        return 100.0 * hits / asked if asked else 100.0


class Envelope(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A value on the server, and how its tags stood before it was loaded."""

    versions: tuple[bytes, ...]
    body: bytes


_open = msgspec.msgpack.Decoder(Envelope).decode


@lru_cache(maxsize=256)
def _decoder(type_: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(type_)


def _nobody(operation: str, seconds: float) -> None:
    """Whoever measures is set later."""


@dataclass(slots=True)
class Chance:
    """Where a cache takes time and chance from."""

    clock: Clock
    random_bytes: RandomBytes


class Cache:
    """Values that are dear to find, kept for a while. Loop thread only.

    Without a `remote`, or while it does not answer, memory is all there is. `start` before use,
    `close` at the end; `observe` is called with an operation's name and its seconds. `attached` is
    whether it hears what other nodes invalidate, or is alone.
    """

    def __init__(self, options: CacheOptions, chance: Chance, remote: Remote | None = None) -> None:
        self.numbers = CacheNumbers()
        self.observe: Callable[[str, float], None] = _nobody
        self.memory = Memory(chance.clock.monotonic, options.max_entries, options.max_size)
        self._options = options
        self._chance = chance
        self._remote = remote
        self.attached = remote is None
        self._flights = Flights()
        self._cleaning: asyncio.Task[None] | None = None

    @property
    def ears(self) -> Ears:
        """What the remote has to call."""
        return Ears(heard=self._heard, joined=self._joined, cut=self._cut)

    async def start(self) -> None:
        self._cleaning = asyncio.get_running_loop().create_task(self._clean(), name="cache")

    async def close(self) -> None:
        if self._cleaning is not None:
            await end(self._cleaning)
        await self._flights.close()

    async def _clean(self) -> None:
        while True:
            await asyncio.sleep(self._options.cleanup_period)
            self.memory.sweep()

    # For users

    async def get_or_load(
        self,
        key: str,
        load: Load,
        *,
        ttl: float | timedelta | None = None,
        tags: Iterable[str] = (),
        type: Any = Any,
    ) -> Any:
        """The value of a key: found, or what `load()` gives, which then is kept for `ttl` seconds.

        However many ask at once, `load` runs once in this process and, while the server answers,
        seldom more than once in all. Everybody gets a copy. A value is anything that msgspec can
        write as MessagePack; `type` is what it is read as, and one that does not fit is loaded
        again. None is kept too, for `cache.negative_ttl`. A key always has the same tags. Raises
        what `load` raises, `ValueError` for keys and tags that are empty or too long, `TypeError`
        for values that cannot be written.
        """
        began = self._chance.clock.monotonic()
        names = _names(key, tags)
        decode = _decoder(type).decode
        try:
            body = await self._body(key, load, self._seconds(ttl), names)
            try:
                return decode(body)
            except msgspec.DecodeError:  # kept by a version that meant something else
                flight = Flight(key, load, self._seconds(ttl), names)
                return decode(await asyncio.shield(self._fly(flight, self._load_again).task))
        finally:
            self.observe("get", self._chance.clock.monotonic() - began)

    async def invalidate(self, *tags: str) -> None:
        """Let nobody find what was loaded under any of these tags before now, on no node.

        Raises `RedisUnreachableError` where the other nodes cannot be told: they may still find
        it then, until its time is over.
        """
        began = self._chance.clock.monotonic()
        for tag in tags:
            _check(tag, "tag", MAX_TAG)
        try:
            if self._remote is not None and tags:
                await self._remote.bump(tags)
        finally:  # last, for what was read on the server until then
            self._heard(tags)
            self.observe("invalidate", self._chance.clock.monotonic() - began)

    async def purge(self) -> None:
        """As `invalidate`, of everything."""
        await self.invalidate(EVERYTHING)

    # The way to a value

    async def _body(self, key: str, load: Load, seconds: float, tags: tuple[str, ...]) -> bytes:
        body = self.memory.get(key)
        if body is not None:
            self.numbers.memory_hits += 1
            return body
        flight = self._flights.get(key)
        if flight is None:
            flight = self._fly(Flight(key, load, seconds, tags), self._find)
        else:
            self.numbers.misses += 1
        return await asyncio.shield(flight.task)

    def _fly(self, flight: Flight, run: Callable[[Flight], Any]) -> Flight:
        return self._flights.start(flight, run)

    async def _find(self, flight: Flight) -> bytes:
        """From the server, or loaded by one node of those that miss it."""
        owner = self._chance.random_bytes(8).hex().encode()
        try:
            body = await self._from_remote(flight)
            if body is None and not await self._own(flight, owner):
                body = await self._awaited(flight, owner)
        except RedisUnreachableError:
            body = None
        if body is not None:
            self.numbers.remote_hits += 1
            return body
        self.numbers.misses += 1
        try:
            return await self._load(flight)
        finally:
            await self._disown(flight, owner)

    async def _from_remote(self, flight: Flight) -> bytes | None:
        """Raises `RedisUnreachableError`. From now on the flight knows how its tags stand."""
        if self._remote is None:
            return None
        found: Found = await self._remote.read(flight.key, flight.tags)
        flight.versions = found.versions
        envelope = _opened(found.body)
        if envelope is None or envelope.versions != found.versions:
            return None
        self._remember(flight, envelope.body, found.seconds)
        return envelope.body

    async def _own(self, flight: Flight, owner: bytes) -> bool:
        return self._remote is None or await self._remote.lock(flight.key, owner, LOCK_SECONDS)

    async def _awaited(self, flight: Flight, owner: bytes) -> bytes | None:
        """What another node loads; None where it has not in good time, or gave up."""
        for _ in range(int(LOCK_SECONDS / LOOK_SECONDS)):
            await asyncio.sleep(LOOK_SECONDS)
            body = await self._from_remote(flight)
            if body is not None or await self._own(flight, owner):
                return body
        return None

    async def _disown(self, flight: Flight, owner: bytes) -> None:
        if self._remote is not None and self._remote.usable:
            try:
                await self._remote.unlock(flight.key, owner)
            except RedisUnreachableError:
                return  # it ends by itself

    async def _load_again(self, flight: Flight) -> bytes:
        """Whatever is kept."""
        try:
            await self._from_remote(flight)
        except RedisUnreachableError:
            flight.versions = None
        return await self._load(flight)

    async def _load(self, flight: Flight) -> bytes:
        began = self._chance.clock.monotonic()
        self.numbers.loads += 1
        try:
            value = await flight.load()
        except BaseException:
            self.numbers.load_errors += 1
            raise
        finally:
            self.observe("load", self._chance.clock.monotonic() - began)
        body = _encode(value)
        seconds = flight.seconds
        if value is None:
            seconds = min(seconds, self._options.negative_ttl)
        await self._keep(flight, body, seconds)
        return body

    async def _keep(self, flight: Flight, body: bytes, seconds: float) -> None:
        if len(body) > self._options.max_value_size:
            self.numbers.oversized += 1
            _log.debug("%s is not cached: %d bytes", flight.key, len(body))
            return
        seconds *= 1 - JITTER * fraction(self._chance.random_bytes)
        self._remember(flight, body, seconds)
        if self._remote is not None and flight.versions is not None and seconds > 0:
            try:
                envelope = _encode(Envelope(flight.versions, body))
                await self._remote.write(flight.key, envelope, seconds)
            except RedisUnreachableError:
                return  # the link has said so

    def _remember(self, flight: Flight, body: bytes, seconds: float) -> None:
        """Keep a value in memory, unless it may be out of date already."""
        if not flight.stale:
            most = self._options.memory_ttl if self.attached else DETACHED_SECONDS
            self.memory.put(flight.key, body, min(seconds, most), flight.tags)

    def _seconds(self, ttl: float | timedelta | None) -> float:
        if ttl is None:
            return self._options.ttl
        return ttl.total_seconds() if isinstance(ttl, timedelta) else float(ttl)

    # What other nodes do

    def _heard(self, tags: Iterable[str]) -> None:
        self.numbers.invalidations += 1
        tags = tuple(tags)
        self.memory.drop_tagged(tags)
        self._flights.tell_stale(tags)

    def _joined(self) -> None:
        self.attached = True
        self.memory.clear()
        self._flights.tell_stale(None)

    def _cut(self) -> None:
        if self.attached:
            self.attached = False
            self.memory.shorten(DETACHED_SECONDS)


def _opened(body: bytes | None) -> Envelope | None:
    try:
        return None if body is None else _open(body)
    except msgspec.MsgspecError:
        return None  # written by another version


def _names(key: str, tags: Iterable[str]) -> tuple[str, ...]:
    """The tags in order, each once, and that of everything."""
    _check(key, "key", MAX_KEY)
    names = sorted(set(tags))
    if len(names) > MAX_TAGS:
        raise ValueError(f"{len(names)} tags, over {MAX_TAGS}")
    for name in names:
        _check(name, "tag", MAX_TAG)
    return (EVERYTHING, *names)


def _check(name: str, what: str, most: int) -> None:
    if not 0 < len(name) <= most:
        raise ValueError(f"a {what} has 1 to {most} characters, not {len(name)}")
