"""Every listener is shown exactly the events of its types, in their order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from event_system.delivery.shown import shown
from event_system.events.event import event_of
from event_system.events.ports import Commit
from tests.support.rows import row

TYPES = ["a", "b", "c"]
LISTENERS = ["l1", "l2", "l3"]


@given(
    st.lists(st.sampled_from(TYPES), min_size=1, max_size=12),
    st.fixed_dictionaries({t: st.lists(st.sampled_from(LISTENERS), unique=True) for t in TYPES}),
)
def test_a_share_is_what_the_listener_listens_to(
    types: list[str], listeners: dict[str, list[str]]
) -> None:
    rows = [row(f"e{n}", type_=type_, data=b"%d" % n) for n, type_ in enumerate(types)]
    listened = {type_: listeners[type_] for type_ in types}

    found = list(shown(Commit(7, rows), listened))

    expected = {
        name: [event_of(at, r) for at, r in enumerate(rows, 7) if name in listeners[r[5]]]
        for name in LISTENERS
    }
    assert dict(found) == {name: events for name, events in expected.items() if events}
    assert len(found) == len(dict(found))


def test_listeners_share_an_event_so_that_it_is_decoded_once() -> None:
    rows = [row("e0", type_="a"), row("e1", type_="b")]

    found = dict(shown(Commit(1, rows), {"a": ["all", "some"], "b": ["all"]}))

    assert found["all"][0] is found["some"][0]
