"""A small game server's day as a plan: who does what, and when. Pure, the same every time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

NAMES: Final = (
    *("Mo", "Li", "Aya", "Ben", "Chen", "Dara", "Emil", "Fay", "Gao", "Hana"),
    *("Ivo", "Jin", "Kim", "Lin", "Mei", "Noor", "Ola", "Pia", "Qiu", "Rui"),
)
ACTIVITY: Final = "dragon-hunt"
SOURCE: Final = "demo-game"
LEVELS_EACH: Final = 4
"""Every so many moves of a player bring a level."""


@dataclass(frozen=True, slots=True)
class Move:
    """One event of the game, `at` seconds after its start."""

    at: float
    type: str
    subject: str
    data: dict[str, Any] = field(default_factory=dict)


def player(number: int) -> str:
    """The name of the player of this number, from 0; all differ."""
    lap, index = divmod(number, len(NAMES))
    return NAMES[index] if lap == 0 else f"{NAMES[index]}-{lap + 1}"


def plan(players: int, seconds: float, rate: float) -> Iterator[Move]:
    """About `rate` moves a second: logins first, logouts last, an activity in between.

    Each player has a login, then moves and level-ups in turn, then a logout; levels grow by
    one. The activity takes the middle three fifths of the time.
    """
    total = max(int(seconds * rate), 2 * players + 2)
    step = seconds / total
    middle = total - 2 * players - 2
    first, last = middle // 5, middle - middle // 5
    for number in range(players):
        yield Move(number * step, "player.login", player(number), {"client": "2.4.1"})
    levels = [1] * players
    clock = players
    for turn in range(middle + 1):
        if turn == first:
            yield Move(clock * step, "activity.start", ACTIVITY, {"players": players})
            clock += 1
        if turn == last:
            yield Move(clock * step, "activity.end", ACTIVITY, {"players": players})
            clock += 1
        if turn < middle:
            yield _move(clock * step, turn, players, levels)
            clock += 1
    for number in range(players):
        data = {"level": levels[number]}
        yield Move((clock + number) * step, "player.logout", player(number), data)


def _move(at: float, turn: int, players: int, levels: list[int]) -> Move:
    number = turn % players
    if (turn // players + number) % LEVELS_EACH == LEVELS_EACH - 1:
        levels[number] += 1
        return Move(at, "player.level_up", player(number), {"level": levels[number]})
    return Move(at, "player.move", player(number), {"x": turn * 7 % 100, "y": turn * 13 % 100})
