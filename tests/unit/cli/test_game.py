from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.cli.game import plan, player


@given(st.integers(1, 60), st.floats(0.1, 30), st.floats(0.1, 200))
def test_a_game_begins_with_logins_and_ends_with_logouts(
    players: int, seconds: float, rate: float
) -> None:
    moves = list(plan(players, seconds, rate))

    assert [move.type for move in moves[:players]] == ["player.login"] * players
    assert [move.type for move in moves[-players:]] == ["player.logout"] * players
    counts = Counter(move.type for move in moves)
    assert counts["activity.start"] == counts["activity.end"] == 1
    assert all(before.at <= after.at for before, after in pairwise(moves))
    assert 0 <= moves[-1].at < seconds


def test_a_game_has_as_many_moves_as_its_rate_says() -> None:
    assert len(list(plan(20, 20.0, 50.0))) == 1000


def test_levels_of_a_player_grow_by_one() -> None:
    levels: dict[str, list[int]] = {}
    for move in plan(5, 10.0, 50.0):
        if move.type == "player.level_up":
            levels.setdefault(move.subject, [1]).append(move.data["level"])

    assert len(levels) == 5
    for found in levels.values():
        assert found == list(range(1, len(found) + 1))


def test_the_activity_starts_before_it_ends() -> None:
    activity = [move.type for move in plan(3, 5.0, 20.0) if move.subject == "dragon-hunt"]

    assert activity == ["activity.start", "activity.end"]


@pytest.mark.parametrize(("number", "name"), [(0, "Mo"), (1, "Li"), (20, "Mo-2"), (41, "Li-3")])
def test_players_have_names_of_their_own(number: int, name: str) -> None:
    assert player(number) == name


def test_even_a_short_game_has_level_ups() -> None:
    assert "player.level_up" in {move.type for move in plan(20, 2.0, 50.0)}
