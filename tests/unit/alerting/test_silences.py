from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.alerting.matchers import Operator, all_match
from event_system.alerting.silences import Silence, Silences, ended, matchers_of
from event_system.kernel.errors import InvalidSilenceError, SilenceNotFoundError
from tests.support.alerting import NOW, SECOND


def silence(
    starts: float = 0,
    ends: float = 3600,
    id_: str = "",
    rules: tuple[tuple[str, Operator, str], ...] = (("a", "=", "b"),),
) -> Silence:
    return Silence(
        id=id_,
        rules=rules,
        starts_us=NOW + int(starts * SECOND),
        ends_us=NOW + int(ends * SECOND),
        updated_us=0,
        created_by="ops",
        comment="work",
    )


def with_(*silences: Silence) -> Silences:
    return Silences(silences)


def test_a_new_silence_that_began_before_begins_now() -> None:
    [made] = Silences().changes(silence(starts=-100), "n", NOW)

    assert (made.id, made.starts_us, made.state(NOW)) == ("n", NOW, "active")


def test_the_end_of_an_active_one_may_move() -> None:
    known = silence(-100, 100, "s")

    [made] = with_(known).changes(silence(-100, 200, "s"), "n", NOW)

    assert (made.id, made.ends_us) == ("s", NOW + 200 * SECOND)


@pytest.mark.parametrize(
    "wanted",
    [
        silence(-100, 200, "s", rules=(("a", "=", "other"),)),
        silence(-50, 200, "s"),
    ],
)
def test_another_change_of_an_active_one_expires_it_and_makes_a_new_one(wanted: Silence) -> None:
    old, new = with_(silence(-100, 100, "s")).changes(wanted, "n", NOW)

    assert (old.id, old.state(NOW)) == ("s", "expired")
    assert (new.id, new.state(NOW)) == ("n", "active")


def test_an_expired_one_stays_as_it_is() -> None:
    known = silence(-100, -10, "s")

    [new] = with_(known).changes(silence(-100, 100, "s"), "n", NOW)

    assert new.id == "n"
    assert ended(known, NOW) is known


def test_a_pending_one_may_move_within_the_future() -> None:
    known = silence(100, 200, "s")

    [made] = with_(known).changes(silence(50, 200, "s"), "n", NOW)

    assert (made.id, made.state(NOW)) == ("s", "pending")


def test_a_pending_one_that_is_expired_never_holds() -> None:
    gone = ended(silence(100, 200, "s"), NOW)

    assert [gone.state(NOW + i * SECOND) for i in (0, 150)] == ["expired", "expired"]


@pytest.mark.parametrize(
    "wanted",
    [
        silence(10, 10),
        silence(-10, 0),
        silence(rules=(("a", "=~", ".*"),)),
        silence(rules=(("a", "!=", "x"),)),
    ],
)
def test_what_cannot_hold_is_refused(wanted: Silence) -> None:
    with pytest.raises(InvalidSilenceError):
        Silences().changes(wanted, "n", NOW)


def test_an_unknown_id_is_refused() -> None:
    with pytest.raises(SilenceNotFoundError):
        Silences().changes(silence(id_="nope"), "n", NOW)


rules = st.tuples(
    st.sampled_from("ab"), st.sampled_from(["=", "!=", "=~", "!~"]), st.sampled_from(["", "x", "y"])
)
labels = st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"))


@given(st.lists(st.lists(rules, min_size=1, max_size=3), max_size=5), labels)
def test_the_index_finds_what_a_look_at_all_finds(
    sets: list[list[tuple[str, Operator, str]]], given_: dict[str, str]
) -> None:
    kept = [silence(-1, 10, f"s{i}", tuple(each)) for i, each in enumerate(sets)]

    found = with_(*kept).silencing(given_, NOW)

    assert found == [each.id for each in kept if all_match(matchers_of(each), given_)]


def test_expired_ones_are_forgotten_in_the_end() -> None:
    kept = with_(silence(-100, -50, "old"), silence(-100, 50, "young"))

    assert kept.drop_expired(NOW) == ["old"]
    assert [each.id for each in kept.all(NOW)] == ["young"]
    assert kept.silencing({"a": "b"}, NOW) == ["young"]


def test_active_ones_are_listed_first() -> None:
    kept = with_(silence(-9, -5, "e"), silence(5, 9, "p"), silence(-1, 9, "b"), silence(-1, 8, "a"))

    assert [each.id for each in kept.all(NOW)] == ["a", "b", "p", "e"]
