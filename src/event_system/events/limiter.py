"""Who may send how many events: limits by key, by source and by type, judged together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from event_system.events.event import Row
from event_system.events.limits import Buckets, Name, Rate, take_one
from event_system.kernel.errors import RateLimitedError
from event_system.kernel.patterns import matches, parse_pattern
from event_system.kernel.quota import Standing

Kind: TypeAlias = Literal["key", "source", "type"]
MAX_REMEMBERED = 10_000
_COLUMNS: Final[Mapping[str, tuple[int, int]]] = {"source": (3, 6), "type": (2, 5)}


@dataclass(frozen=True, slots=True)
class Limit:
    """The rate of one kind of name, and the rates of some by pattern; None is no limit.

    The first pattern that matches counts. Those of types are event type patterns, the others
    have `*` for any characters.
    """

    kind: Kind
    rate: Rate | None = None
    overrides: tuple[tuple[str, Rate | None], ...] = ()

    @property
    def policy(self) -> str:
        return f"per_{self.kind}"

    @property
    def where(self) -> str:
        return f"limits.{self.policy}"

    @property
    def limits_any(self) -> bool:
        return any(rate is not None for rate in (self.rate, *dict(self.overrides).values()))

    def rate_of(self, name: str) -> Rate | None:
        for pattern, rate in self.overrides:
            if self._matches(pattern, name):
                return rate
        return self.rate

    def _matches(self, pattern: str, name: str) -> bool:
        if self.kind == "type":
            return matches(parse_pattern(pattern), name)
        return fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]"))


@dataclass(frozen=True, slots=True)
class TypeRates:
    """The rates that event types have in the catalogue, by name. They count besides `Limit`s."""

    rates: Mapping[str, Rate] = field(default_factory=dict)
    kind: Kind = "type"
    policy: str = "event_type"
    where: str = "rate_limit"

    @property
    def limits_any(self) -> bool:
        return bool(self.rates)

    def rate_of(self, name: str) -> Rate | None:
        return self.rates.get(name)


Claim: TypeAlias = tuple[Buckets, Name, float]
"""A bucket, whose it is, and when it is full again after what was taken."""
Share: TypeAlias = tuple[Buckets, Name]
"""A bucket and whose it is: of the limits' buckets one that an event counts for."""


class _Kind:
    """A limit at work: the buckets of each of its rates."""

    def __init__(self, limit: Limit | TypeRates) -> None:
        self.limit = limit
        self.columns = _COLUMNS.get(limit.kind)
        self._buckets: dict[Rate, Buckets] = {}
        self._known: dict[Name, Buckets | None] = {}

    def after(self, changed: TypeRates) -> _Kind:
        """The same with other rates; a name whose rate stays owes what it did."""
        kind = _Kind(changed)
        used = set(changed.rates.values())
        kind._buckets = {rate: found for rate, found in self._buckets.items() if rate in used}
        return kind

    def _of(self, rate: Rate) -> Buckets:
        return self._buckets.setdefault(rate, Buckets(rate, self.limit.policy))

    def buckets_of(self, key: Name, name: str) -> Buckets | None:
        """The buckets of a name's rate; None where it has no limit."""
        if key in self._known:
            return self._known[key]
        rate = self.limit.rate_of(name)
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        buckets = self._known[key] = None if rate is None else self._of(rate)
        return buckets

    def asked(self, sender: str, rows: Sequence[Row]) -> Iterable[tuple[tuple[Any, str], int]]:
        """The names that the rows count for, by key, and how many events each."""
        if self.columns is None:
            return (((sender, sender), len(rows)),)
        pairs: Any = map(itemgetter(*self.columns), rows)
        return Counter(pairs).items()

    def refusal(self, name: str, rate: Rate, wait: float) -> RateLimitedError:
        return RateLimitedError(
            f"{self.limit.kind} {name[:80]!r} may send {rate.per_second:g} events a second, "
            f"{rate.burst} at once; try again in {wait:.3g} s",
            where=self.limit.where,
            standing=Standing(self.limit.policy, rate.burst, rate.span, 0.0, wait),
        )


class Want(NamedTuple):
    """What a request takes from one bucket: so many events of this name."""

    buckets: Buckets
    key: Name
    events: int
    kind: _Kind
    name: str

    def refusal(self, wait: float) -> RateLimitedError:
        """Why not, where the bucket has enough in `wait` seconds only."""
        return self.kind.refusal(self.name, self.buckets.rate, wait)


class Limiter:
    """All limits of a node. `active` is False where there are none. Loop thread only."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.active = False
        self.now = monotonic()
        """The moment of the last judgement; it never goes back."""
        self.changed: Callable[[], None] = lambda: None
        """Called when other limits count: shares are others then."""
        self._monotonic = monotonic
        self._configured: list[_Kind] = []
        self._types = _Kind(TypeRates())
        self._kinds: list[_Kind] = []

    def configure(self, limits: Iterable[Limit]) -> None:
        """From now on these limits count. One that has changed begins with full buckets."""
        before = {kind.limit: kind for kind in self._configured}
        self._configured = [before.get(limit) or _Kind(limit) for limit in limits]
        self._refresh()

    def use_types(self, rates: TypeRates) -> None:
        """From now on event types have these rates besides."""
        self._types = self._types.after(rates)
        self._refresh()

    def _refresh(self) -> None:
        every = [*self._configured, self._types]
        self._kinds = [kind for kind in every if kind.limit.limits_any]
        self.active = bool(self._kinds)
        self.changed()

    def admit(self, sender: str, rows: Sequence[Row]) -> list[Claim]:
        """Take the events of a request from every bucket, or from none.

        What comes back are the buckets as they are now. Raises `RateLimitedError`.
        """
        self.now = max(self.now, self._monotonic())
        claims = self._ask(sender, rows)
        for buckets, key, after in claims:
            buckets.take(key, after, self.now)
        return claims

    def wants(self, sender: str, rows: Sequence[Row]) -> tuple[Want, ...]:
        """What a request takes from each bucket that it counts for."""
        return tuple(self._wants(sender, rows))

    def _wants(self, sender: str, rows: Sequence[Row]) -> Iterator[Want]:
        for kind in self._kinds:
            for (key, name), events in kind.asked(sender, rows):
                buckets = kind.buckets_of(key, name)
                if buckets is not None:
                    yield Want(buckets, key, events, kind, name)

    def take_one(self, shares: Sequence[Share]) -> list[float] | None:
        """As `admit` for one event with these shares.

        What comes back are the seconds until each bucket is full again; nothing where all of
        them were full before, None where one has not enough.
        """
        self.now = max(self.now, self._monotonic())
        return take_one(shares, self.now)

    def _ask(self, sender: str, rows: Sequence[Row]) -> list[Claim]:
        now = self.now
        claims: list[Claim] = []
        for want in self._wants(sender, rows):
            buckets, key, events, _, _ = want
            after = buckets.after(key, events, now)
            if wait := buckets.wait(after, events, now):
                raise want.refusal(wait)
            claims.append((buckets, key, after))
        return claims


def standings(claims: Iterable[Claim], now: float) -> list[Standing]:
    """How the tightest bucket of each policy stands."""
    tightest: dict[str, Standing] = {}
    for buckets, _, after in claims:
        standing = buckets.standing(after, now)
        known = tightest.get(standing.policy)
        if known is None or standing.left < known.left:
            tightest[standing.policy] = standing
    return list(tightest.values())
