"""What a replay reads: pace, rest, progress."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from event_system.delivery.matching import chosen
from event_system.delivery.replays.past import BEAT_SECONDS, Meter, Traffic
from event_system.delivery.replays.replay import Pace, Replay, clipped, status_of
from event_system.events.event import event_of
from event_system.events.ports import Slice
from event_system.kernel.patterns import AnyPattern
from tests.support.rows import row


def replay(**changes: object) -> Replay:
    members: dict[str, object] = {"listener": "x", "mode": "all", "after": 10, "through": 110}
    members |= {"began": 0, "ends": {0: 110, 1: 110}, "rate": None, "started_us": 1}
    return Replay(**{**members, **changes})  # type: ignore[arg-type]


@given(
    rate=st.floats(0.01, 1e6),
    takes=st.lists(st.tuples(st.integers(0, 50), st.floats(0, 5)), max_size=40),
)
def test_a_meter_never_lets_more_by_than_its_rate(
    rate: float, takes: list[tuple[int, float]]
) -> None:
    clock = [100.0]
    meter = Meter(rate, lambda: clock[0])
    shown = 0
    for events, later in takes:
        clock[0] += later
        clock[0] += meter.take(events)
        shown += events
        assert shown <= (clock[0] - 100.0) * rate * (1 + 1e-9) + 1e-6
    assert 1 <= meter.portion <= max(1, rate * BEAT_SECONDS)


def test_a_replay_rests_only_while_new_events_come_in() -> None:
    clock, routed = [0.0], [5]
    traffic = Traffic(lambda: routed[0], lambda: clock[0])
    clock[0] = 0.02
    quiet = traffic.rest()
    clock[0], routed[0] = 0.025, 6
    busy = traffic.rest()
    clock[0] = 0.8
    still = traffic.rest()
    clock[0] = 1.1
    calm = traffic.rest()

    assert (quiet, calm) == (0, 0)
    assert 0 < busy <= BEAT_SECONDS
    assert 0 < still <= BEAT_SECONDS


def test_progress_is_the_part_of_the_way_of_all_lanes() -> None:
    half = replay(cursors={0: 110, 1: 10})

    assert (half.progress, half.offset) == (0.5, 10)
    assert replay().progress == 0
    assert replay(through=10, cursors={0: 10, 1: 10}).progress == 1
    assert replay(state="done", cursors={0: 110, 1: 10}).progress == 1
    assert half.cursor(1) == 10
    assert half.cursor(7) == 10


def test_the_end_is_estimated_from_what_was_done_in_this_process() -> None:
    half = replay(cursors={0: 60, 1: 60})

    known = status_of(half, "running", Pace(1.0, 0.25, 1_000_000, 3_000_000))
    unknown = status_of(half, "running", Pace(0.0, 0.5, 1_000_000, 3_000_000))

    assert known.estimated_end == "1970-01-01T00:00:07.000Z"
    assert unknown.estimated_end is None


def test_ends_lie_within_the_part_that_is_asked_for() -> None:
    assert clipped({0: 5, 1: 50, 2: 500}, 10, 100) == {0: 10, 1: 50, 2: 100}


def test_only_events_of_matching_types_are_chosen() -> None:
    events = [event_of(n, row(f"e{n}", type_=t)) for n, t in enumerate(("player.a", "b", "b.c"), 1)]

    page = Slice(events, 9, 100)

    assert [e.offset for e in chosen(page, AnyPattern(["player.*"])).events] == [1]
    assert chosen(page, AnyPattern(["player.*"])).through == 9
    assert chosen(page, AnyPattern(["player.*", "b", "b.*"])) is page
    assert chosen(page, AnyPattern(["player.*", ">"])) is page
