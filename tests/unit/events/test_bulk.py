"""What is admitted as a batch is what is admitted one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from event_system.events.codec import CloudEventDraft, Draft
from event_system.events.event import Event, Row
from event_system.events.manager import EventManager, Limits, Outcome
from event_system.events.ports import TypeRule
from event_system.events.registry import Registered, Registry
from event_system.kernel.errors import (
    EventSystemError,
    InvalidEventError,
    SchemaMismatchError,
    StoppingError,
    UnknownTypeError,
)
from event_system.kernel.ids import IdFactory
from event_system.kernel.lanes import type_key
from tests.support.clock import HandClock
from tests.support.memory_log import MemoryLog

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
MAX_EVENT_SIZE = 300


class Types:
    """A catalogue: `strict` events need data, types that begin with `unknown` are refused."""

    def rule_of(self, type_: str) -> TypeRule:
        if type_.startswith("unknown"):
            raise UnknownTypeError(f"{type_} is not in the catalogue", where="$.type")
        return TypeRule(type_key(type_), self._check if type_ == "strict" else None)

    def _check(self, draft: Draft, data: bytes | None) -> None:
        if data is None:
            raise SchemaMismatchError("strict: $.data: is missing", where="$.data")


class NoListeners:
    async def run(self, event: Event, listeners: Sequence[Registered]) -> Outcome:
        raise AssertionError("nobody listens")


def new_manager() -> EventManager:
    manager = EventManager(
        *(MemoryLog(), NoListeners()),
        registry=Registry([]),
        clock=HandClock(),
        ids=IdFactory(bytes),
        lanes=16,
        last_received_us=0,
    )
    manager.limits = replace(Limits(), max_event_size=MAX_EVENT_SIZE)
    manager.use_rules(Types())
    return manager


names = st.sampled_from(["a", "é", "a b", "\u00a0", "\x00", "\x7f", "\ud800", "x" * 300])
data = st.sampled_from([b"", b"{}", b"[" * 101 + b"]" * 101, b'"' + b"x" * 250 + b'"', b"9" * 301])
moments = st.sampled_from(
    [
        datetime(2026, 11, 21, 12, 0, 0, 123456, UTC),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))),
    ]
)
plain = st.builds(
    Draft,
    type=st.sampled_from(["player.login", "strict", "a.b", "unknown.x", "a..b", ""]),
    source=st.none() | names,
    subject=st.none() | names,
    id=names,
    time=st.none() | moments,
    data=data.map(Raw),
    deliver_at=st.none() | moments,
)
good = st.builds(
    Draft,
    type=st.sampled_from(["player.login", "strict", "a.b"]),
    source=st.none() | st.sampled_from(["game", "é"]),
    subject=st.none() | st.sampled_from(["p1", "é"]),
    id=st.sampled_from(["a", "é", "e 1"]),
    time=st.none() | st.just(datetime(2026, 11, 21, 12, 0, 0, 123456, UTC)),
    data=st.sampled_from([b"", b"{}", b'"' + b"x" * 250 + b'"']).map(Raw),
)
odd = st.builds(Draft, type=st.just("a.b"), subject=st.none() | names, id=names)
others = st.sampled_from(
    [
        InvalidEventError("`type` is missing", where="$"),
        CloudEventDraft(type="a.b", source="s", id="c", content=b"x", media_type="text/plain"),
    ]
)


def one_by_one(
    drafts: Sequence[Draft | EventSystemError], trace: str | None
) -> list[Row | EventSystemError]:
    manager = new_manager()
    found: list[Row | EventSystemError] = []
    for draft in drafts:
        try:
            if isinstance(draft, EventSystemError):
                raise draft
            found.append(manager.admit(draft, "sender", trace))
        except EventSystemError as error:
            found.append(error)
    return found


def told(admitted: Sequence[Row | EventSystemError]) -> list[object]:
    return [
        (type(each), each.detail, each.where) if isinstance(each, EventSystemError) else each
        for each in admitted
    ]


@given(
    st.lists(good)
    | st.lists(odd, max_size=3)
    | st.lists(plain, max_size=3)
    | st.lists(good | plain | others, max_size=5),
    st.sampled_from([None, TRACE, "not a trace"]),
)
@example([], None)
def test_a_batch_is_admitted_as_its_events_are(
    drafts: list[Draft | EventSystemError], trace: str | None
) -> None:
    together = new_manager().admit_all(drafts, "sender", trace)

    assert told(together) == told(one_by_one(drafts, trace))


def test_events_without_an_id_get_ids_in_their_order() -> None:
    rows = new_manager().admit_all([Draft(type="a.b") for _ in range(100)], "sender")

    ids = [row[7] for row in rows if not isinstance(row, EventSystemError)]
    assert len(set(ids)) == 100
    assert ids == sorted(ids)


def test_a_batch_is_received_no_earlier_than_what_came_before() -> None:
    clock = HandClock(2_000_000)
    manager = EventManager(
        *(MemoryLog(), NoListeners()),
        registry=Registry([]),
        clock=clock,
        ids=IdFactory(bytes),
        lanes=16,
        last_received_us=3_000_000,
    )

    first, second = manager.admit_all([Draft(type="a.b"), Draft(type="a.b")], "sender")
    clock.us = 4_000_000
    third = manager.admit(Draft(type="a.b"), "sender")

    assert not isinstance(first, EventSystemError)
    assert not isinstance(second, EventSystemError)
    assert [first[10], second[10], third[10]] == [3_000_000, 3_000_000, 4_000_000]


def test_a_node_that_stops_admits_no_batch() -> None:
    manager = new_manager()
    manager.accepting = False

    with pytest.raises(StoppingError):
        manager.admit_all([Draft(type="a.b")], "sender")
