"""Nodes that see each other at different times never work by lanes and as a whole at once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from event_system.cluster.agreement import agreed, sign, uneven
from event_system.cluster.ports import Member, Offers, View

NODES = ["a", "b", "c", "d"]
offers = st.dictionaries(st.sampled_from("xyz"), st.sampled_from(["async 1", "async 2", "batch 1"]))


def member(id_: str, offered: Offers | None, plan: str = "") -> Member:
    return Member(id_, id_, "", frozenset(), "", 0, 0, 0, 1.0, offered, plan)


def view(*members: Member) -> View:
    return View({each.id: each for each in members}, {})


@given(st.lists(offers, max_size=4))
def test_uneven_is_what_not_all_offer_as_the_same_kind(offered: list[Offers]) -> None:
    found = uneven(view(*(member(id_, each) for id_, each in zip(NODES, offered, strict=False))))

    for name in "xyz":
        kinds = {each[name].split()[0] if name in each else None for each in offered}
        assert (name in found) == (len(kinds) > 1)


def test_who_offers_nothing_is_not_asked() -> None:
    seen = view(member("a", {"x": "async 1"}, sign(())), member("b", None))

    assert uneven(seen) == frozenset()
    assert agreed(seen, sign(()))


class Nodes(RuleBasedStateMachine):
    """Each node looks, ends, publishes and begins in steps of its own, as `Ownership` does."""

    @initialize()
    def nobody(self) -> None:
        self.rows: dict[str, Member] = {}
        self.seen: dict[str, View] = {}
        self.plan: dict[str, frozenset[str] | None] = {}
        self.at_work: dict[str, frozenset[str]] = {}

    @rule(node=st.sampled_from(NODES), offered=offers)
    def comes(self, node: str, offered: Offers) -> None:
        if node not in self.rows:
            self.rows[node] = member(node, offered)
            self.plan[node] = None

    @rule(node=st.sampled_from(NODES))
    def goes(self, node: str) -> None:
        for known in (self.rows, self.seen, self.plan, self.at_work):
            known.pop(node, None)

    @rule(node=st.sampled_from(NODES))
    def looks(self, node: str) -> None:
        if node in self.rows:
            self.seen[node] = view(*self.rows.values())

    @rule(node=st.sampled_from(NODES))
    def settles(self, node: str) -> None:
        if node not in self.seen:
            return
        names = uneven(self.seen[node])
        if names != self.plan[node]:
            self.at_work.pop(node, None)
            mine = self.rows[node]
            self.rows[node] = member(node, mine.offers, sign(names))
            self.plan[node] = names
            del self.seen[node]  # to begin it looks again
        elif agreed(self.seen[node], sign(names)):
            self.at_work[node] = names

    @invariant()
    def all_who_work_go_by_the_same(self) -> None:
        assert len(set(self.at_work.values())) <= 1


TestNodes = Nodes.TestCase
TestNodes.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
