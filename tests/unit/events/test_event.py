from __future__ import annotations

from msgspec.structs import replace

from event_system.events.event import Event


def event() -> Event:
    return Event(1, 0, "a", "s", "id", None, 2, 3, None, None, None, b'{"n":1}')


def test_events_are_equal_whether_or_not_their_data_was_looked_at() -> None:
    one, other = event(), event()
    assert one.data == {"n": 1}

    assert one == other
    assert len({one, other}) == 1


def test_events_that_differ_in_what_is_stored_are_not_equal() -> None:
    assert event() != replace(event(), raw=b"{}")
    assert event() != replace(event(), offset=2)
    assert event() != "id"
