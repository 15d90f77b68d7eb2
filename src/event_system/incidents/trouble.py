"""What keeps people from hearing of incidents, for whoever asks how the node is: no name, no address."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from event_system.incidents.book import Case

FAILING_US: Final = 300_000_000
"""How long a way may fail that is still tried."""
GIVEN_UP_US: Final = 3_600_000_000
"""How long a page that was given up is told of, where nothing has reached its target since."""
_WHY: Final = "`event-system incidents show ID` says why"


@dataclass(frozen=True, slots=True)
class Failure:
    """Of a way, which is a target and a method: since when, the last one, whether it was for good."""

    since_us: int
    last_us: int
    is_given_up: bool


class Failing:
    """The ways that pages fail on since the last one that did not."""

    def __init__(self) -> None:
        self._ways: dict[tuple[str, str], Failure] = {}

    def failed(self, way: tuple[str, str], now_us: int, *, is_given_up: bool) -> None:
        known = self._ways.get(way)
        since_us = now_us if known is None else known.since_us
        self._ways[way] = Failure(since_us, now_us, is_given_up)

    def reached(self, way: tuple[str, str]) -> None:
        self._ways.pop(way, None)

    def ways(self, now_us: int, owed: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those that are a trouble now; `owed` are the ways of pages that are still to go out."""
        self._ways = {
            way: each
            for way, each in self._ways.items()
            if way in owed or (each.is_given_up and now_us - each.last_us < GIVEN_UP_US)
        }
        return [
            way
            for way, each in self._ways.items()
            if each.is_given_up or now_us - each.since_us >= FAILING_US
        ]


def unheard(cases: Iterable[Case]) -> int:
    """How many open incidents nobody answers, and nobody was told of: all pages were given up."""
    return sum(
        case.incident.is_open
        and case.incident.is_unanswered
        and any(row.state == "failed" for row in case.pages.values())
        and not any(row.state in {"owed", "sent"} for row in case.pages.values())
        for case in cases
    )


def trouble_of(ways: Collection[tuple[str, str]], unheard: int) -> str:
    """In one sentence or two; "" where there is none."""
    parts = []
    if ways:
        methods = ", ".join(sorted({method for _, method in ways}))
        targets = len({target for target, _ in ways})
        whom = "one target" if targets == 1 else f"{targets} targets"
        parts.append(f"pages by {methods} do not reach {whom}: {_WHY}")
    if unheard:
        which = "an open incident" if unheard == 1 else f"{unheard} open incidents"
        parts.append(f"nobody could be told of {which}: {_WHY}")
    return "; ".join(parts)
