"""Ids, keys and lanes."""

from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.ids import IdFactory
from event_system.kernel.lanes import id_key, lane_of, source_key, subject_key, type_key


@given(st.lists(st.integers(0, 10**15), min_size=2, max_size=50).map(sorted))
def test_ids_are_unique_and_sort_by_time(times: list[int]) -> None:
    factory = IdFactory(bytes)
    made = [factory.next(now_us) for now_us in times]
    assert len(set(made)) == len(made)
    assert made == sorted(made)


@given(st.text(min_size=1), st.integers(1, 64))
def test_a_subject_always_has_the_same_lane(subject: str, lanes: int) -> None:
    lane = lane_of(subject_key(subject), lanes)
    assert 0 <= lane < lanes
    assert lane == lane_of(subject_key(subject), lanes)


def test_stored_keys_never_change() -> None:
    """They are in people's databases."""
    assert subject_key("player-1") == 1296939825272001225
    assert type_key("player.login") == 2087697861344301321
    assert source_key("game-1") == 779762531167733316
    assert id_key("e-1") == 2202504599625428162
