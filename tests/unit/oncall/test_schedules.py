from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.civil import wall_time
from event_system.kernel.clock import to_us
from event_system.kernel.spans import Span, intersection, total_us, union
from event_system.oncall.overrides import Override
from event_system.oncall.reading import read_restriction
from event_system.oncall.rotations import Layer, Restriction
from event_system.oncall.schedules import Schedule

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


def at(text: str, zone: ZoneInfo = SHANGHAI) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=zone))


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def layer(
    *people: str,
    name: str = "weekly",
    zone: ZoneInfo = SHANGHAI,
    first: str = "2026-01-05T09:00",
    length: timedelta = timedelta(days=7),
    restrictions: tuple[Restriction, ...] = (),
    last: date | None = None,
) -> Layer:
    turns = tuple((person,) for person in people)
    return Layer(name, turns, zone, wall(first), length, restrictions, last)


def schedule(*layers: Layer, zone: ZoneInfo = SHANGHAI) -> Schedule:
    return Schedule("primary", zone, layers)


def override(
    start: str, end: str, person: str = "zhao", id_: str = "o1", created_us: int = 0
) -> Override:
    return Override(id_, "primary", person, at(start), at(end), created_us, "li")


@pytest.mark.parametrize(
    ("moment", "person"),
    [
        ("2026-01-05T08:59", None),  # before the first hand-over
        ("2026-01-05T09:00", "li"),
        ("2026-01-12T08:59", "li"),
        ("2026-01-12T09:00", "wang"),
        ("2026-01-19T09:00", "li"),
        ("2027-01-04T09:00", "li"),
    ],
)
def test_people_take_turns_by_the_week(moment: str, person: str | None) -> None:
    weekly = schedule(layer("li", "wang"))

    assert weekly.on_call(at(moment)) == (() if person is None else (person,))


@pytest.mark.parametrize(
    ("length", "hours"),
    [(timedelta(days=1), 24), (timedelta(hours=12), 12), (timedelta(days=7), 168)],
)
def test_hands_change_at_the_same_time_of_day_all_the_year(length: timedelta, hours: int) -> None:
    rotation = layer("li", "wang", "zhao", zone=BERLIN, length=length)
    year = Span(at("2026-01-05T09:00", BERLIN), at("2027-01-05T09:00", BERLIN))

    shifts = rotation.shifts(year)

    assert {wall_time(each.start_us, BERLIN).time().isoformat() for each in shifts} <= {
        "09:00:00",
        "21:00:00",
    }
    lengths = {(each.end_us - each.start_us) // HOUR_US for each in shifts[:-1]}
    assert lengths == {hours - 1, hours, hours + 1}


def test_a_turn_that_the_clocks_skip_is_none() -> None:
    hourly = layer("li", "wang", zone=BERLIN, first="2026-03-29T00:00", length=timedelta(hours=1))
    night = Span(at("2026-03-29T00:00", BERLIN), at("2026-03-29T05:00", BERLIN))

    shifts = hourly.shifts(night)

    assert [wall_time(each.start_us, BERLIN).hour for each in shifts] == [0, 1, 3, 4]
    assert [each.people for each in shifts] == [("li",), ("wang",), ("wang",), ("li",)]


def test_several_people_may_share_a_turn() -> None:
    pairs = Layer(
        "pairs", (("li", "wang"), ("zhao",)), SHANGHAI, wall("2026-01-05T00:00"), timedelta(days=1)
    )

    assert schedule(pairs).on_call(at("2026-01-05T12:00")) == ("li", "wang")


def test_the_last_layer_that_has_somebody_counts() -> None:
    office = layer(
        "chen", name="office", restrictions=(read_restriction("mon-fri", "09:00", "18:00"),)
    )
    layered = schedule(layer("li", "wang"), office)

    assert layered.on_call(at("2026-01-07T10:00")) == ("chen",)
    assert layered.on_call(at("2026-01-07T18:00")) == ("li",)
    assert layered.on_call(at("2026-01-10T10:00")) == ("li",)


def test_gaps_are_told() -> None:
    nights = layer("li", restrictions=(read_restriction("mon-sun", "20:00", "08:00"),))
    week = Span(at("2026-01-06T00:00"), at("2026-01-07T00:00"))

    assert schedule(nights).gaps(week) == [Span(at("2026-01-06T08:00"), at("2026-01-06T20:00"))]


def test_a_rotation_ends_with_its_last_day() -> None:
    ending = schedule(layer("li", "wang", last=date(2026, 1, 8)))

    assert ending.on_call(at("2026-01-08T23:59")) == ("li",)
    assert ending.on_call(at("2026-01-09T00:00")) == ()


def test_an_override_counts_in_its_span_and_the_later_one_more() -> None:
    weekly = schedule(layer("li", "wang"))
    overrides = [
        override("2026-01-07T10:00", "2026-01-07T20:00"),
        override("2026-01-07T12:00", "2026-01-07T14:00", "chen", "o2", created_us=1),
    ]

    shifts = weekly.shifts(Span(at("2026-01-07T09:00"), at("2026-01-07T21:00")), overrides)

    assert [each.people[0] for each in shifts] == ["li", "zhao", "chen", "zhao", "li"]
    assert [each.by for each in shifts] == ["weekly", "o1", "o2", "o1", "weekly"]


ZONES = st.sampled_from([SHANGHAI, BERLIN, ZoneInfo("America/New_York")])
LENGTHS = st.sampled_from([1, 6, 12, 24, 72, 168]).map(lambda hours: timedelta(hours=hours))
NAMES = st.lists(st.sampled_from(["li", "wang", "zhao", "chen"]), min_size=1, max_size=4)
FIRSTS = st.datetimes(wall("2025-01-01T00:00"), wall("2025-12-31T00:00")).map(
    lambda moment: moment.replace(second=0, microsecond=0)
)
RESTRICTIONS = st.lists(
    st.builds(
        Restriction,
        st.frozensets(st.integers(0, 6), min_size=1),
        st.integers(0, 700),
        st.integers(701, 2880),
    ),
    max_size=3,
).map(tuple)


@st.composite
def layers(draw: st.DrawFn, *, total: bool) -> Layer:
    turns = tuple((name,) for name in draw(NAMES))
    limits = () if total else draw(RESTRICTIONS)
    return Layer("rotation", turns, draw(ZONES), draw(FIRSTS), draw(LENGTHS), limits)


WINDOWS = st.builds(
    lambda start, length: Span(start, start + length),
    st.integers(at("2026-03-01T00:00"), at("2026-11-01T00:00")),
    st.integers(1, 9 * DAY_US),
)
OVERRIDES = st.lists(
    st.builds(
        lambda start, length, person, number: Override(
            f"o{number}", "primary", person, start, start + length, number, "li"
        ),
        st.integers(at("2026-03-01T00:00"), at("2026-11-10T00:00")),
        st.integers(1, 20 * DAY_US),
        st.sampled_from(["sun", "qian"]),
        st.integers(0, 5),
    ),
    max_size=4,
    unique_by=lambda each: each.id,
)


@given(layers(total=True), WINDOWS, OVERRIDES)
def test_a_total_rotation_has_one_primary_at_every_moment(
    rotation: Layer, window: Span, overrides: list[Override]
) -> None:
    total = schedule(rotation)

    shifts = total.shifts(window, overrides)

    assert shifts[0].start_us == window.start_us
    assert shifts[-1].end_us == window.end_us
    assert all(one.end_us == other.start_us for one, other in pairwise(shifts))
    assert all(each.people for each in shifts)
    assert total.gaps(window, overrides) == []


@given(st.lists(layers(total=False), max_size=3), WINDOWS, OVERRIDES, st.floats(0, 1))
def test_shifts_and_gaps_part_a_span(
    several: list[Layer], window: Span, overrides: list[Override], place: float
) -> None:
    mixed = schedule(*several)

    shifts, gaps = mixed.shifts(window, overrides), mixed.gaps(window, overrides)

    spans = [each.span for each in shifts]
    assert all(span.length_us > 0 for span in spans)
    assert all(one.end_us <= other.start_us for one, other in pairwise(spans))
    assert total_us(spans) + total_us(gaps) == window.length_us
    assert union([*spans, *gaps]) == [window]
    moment = window.start_us + int(place * (window.length_us - 1))
    found = [each.people for each in shifts if each.start_us <= moment < each.end_us]
    assert mixed.on_call(moment, overrides) == (found[0] if found else ())


@given(st.lists(layers(total=False), max_size=2), WINDOWS, OVERRIDES)
def test_overrides_count_exactly_in_their_spans(
    several: list[Layer], window: Span, overrides: list[Override]
) -> None:
    mixed = schedule(*several)

    stood_in = [each.span for each in mixed.shifts(window, overrides) if each.kind == "override"]
    plain = [each.span for each in mixed.shifts(window) if each.people]

    wanted = intersection([window], [Span(each.start_us, each.end_us) for each in overrides])
    assert union(stood_in) == wanted
    assert union([*stood_in, *plain]) == union(
        [each.span for each in mixed.shifts(window, overrides)]
    )


@given(layers(total=False), WINDOWS, st.integers(0, 9 * DAY_US))
def test_a_part_of_a_span_has_the_same_shifts(rotation: Layer, window: Span, cut: int) -> None:
    part = Span(window.start_us, min(window.end_us, window.start_us + cut))

    whole = [each.span for each in rotation.shifts(window)]

    assert union(each.span for each in rotation.shifts(part)) == intersection(whole, [part])
