"""Who gives back what, and who asks for what."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from event_system.cluster.balance import balance, quotas

NODES = ["a", "b", "c", "d", "e"]
ROUNDS = 3
"""One in which all give back, one in which all ask, and one for whoever asked too early."""
Owners = dict[int, str | None]
members = st.sets(st.sampled_from(NODES), min_size=1)


@st.composite
def owners(draw: DrawFn) -> Owners:
    things = draw(st.integers(0, 40))
    holder = st.one_of(st.none(), st.sampled_from(NODES))
    return {thing: draw(holder) for thing in range(things)}


def one_round(order: list[str], present: set[str], owned: Owners) -> int:
    """Each node decides on what it sees at its turn; what is asked for goes to the first."""
    moves = 0
    for me in order:
        decided = balance(me, present, owned)
        for thing in decided.give:
            assert owned[thing] == me
            owned[thing] = None
        for thing in decided.claim:
            assert owned[thing] is None
            owned[thing] = me
            moves += 1
    return moves


@given(members, owners(), st.permutations(NODES))
def test_all_have_their_fair_share_after_three_rounds_and_nothing_moves_then(
    present: set[str], owned: Owners, order: list[str]
) -> None:
    for _ in range(ROUNDS):
        one_round(order, present, owned)
    held = Counter(owned.values())
    assert set(held) <= present
    shares = [held[member] for member in present]
    assert max(shares) - min(shares) <= 1
    assert sum(shares) == len(owned)
    assert one_round(order, present, owned) == 0


@given(members, owners(), st.permutations(NODES))
def test_no_more_moves_than_somebody_lacks(
    present: set[str], owned: Owners, order: list[str]
) -> None:
    share = quotas(present, owned)
    held = Counter(owned.values())
    needed = sum(max(0, quota - held[member]) for member, quota in share.items())
    assert sum(one_round(order, present, owned) for _ in range(ROUNDS)) == needed


@given(members, owners(), st.data())
def test_who_decides_on_old_news_still_takes_nothing_from_others(
    present: set[str], owned: Owners, data: st.DataObject
) -> None:
    """Each claim is settled by the database: only what is free at that moment changes hands."""
    views = [dict(owned)]
    for _ in range(20):
        me = data.draw(st.sampled_from(NODES))
        decided = balance(me, present, data.draw(st.sampled_from(views)))
        for thing in decided.give:
            if owned[thing] == me:
                owned[thing] = None
        for thing in decided.claim:
            if owned[thing] is None:
                owned[thing] = me
        views.append(dict(owned))
    for _ in range(ROUNDS):
        one_round(NODES, present, owned)
    held = Counter(owned.values())
    shares = [held[member] for member in present]
    assert max(shares) - min(shares) <= 1


@given(members, owners())
def test_who_comes_gets_only_what_it_lacks_and_who_goes_leaves_only_what_it_had(
    present: set[str], owned: Owners
) -> None:
    for _ in range(ROUNDS):
        one_round(NODES, present | set(NODES), owned)
    before = dict(owned)
    for me in NODES:
        owned = {thing: None if owner not in present else owner for thing, owner in owned.items()}
        one_round([me], present, owned)
    for _ in range(ROUNDS):
        one_round(NODES, present, owned)
    assert all(owned[t] == owner for t, owner in before.items() if owner in present)


def test_the_one_that_is_left_over_stays_where_it_is() -> None:
    owned: Owners = {0: "b", 1: "b", 2: "a"}
    assert quotas({"a", "b"}, owned) == {"a": 1, "b": 2}
    assert balance("a", {"a", "b"}, owned).claim == ()
    assert balance("b", {"a", "b"}, owned).give == ()


def test_a_node_that_is_no_member_gives_all_back() -> None:
    owned: Owners = {0: "a", 1: "b", 2: None}
    assert balance("a", {"b"}, owned).give == (0,)
    assert balance("a", {"b"}, owned).claim == ()
    assert balance("a", (), owned).give == (0,)
