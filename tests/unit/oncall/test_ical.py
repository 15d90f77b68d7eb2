from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import recurring_ical_events
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from event_system.kernel.clock import to_datetime, to_us
from event_system.kernel.errors import CalendarFileError
from event_system.kernel.spans import Span
from event_system.oncall.ical.reading import read_events
from event_system.oncall.ical.using import ImportedHolidays, ImportedLayer, named_people
from event_system.oncall.ical.writing import feed_token, write_shifts
from event_system.oncall.people import Person
from event_system.oncall.rotations import Layer, Shift

BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = {
    "li": Person("li", "Li Wei", BERLIN, {"email": "li@example.org"}, full_name_zh="李伟"),
    "wang": Person("wang", "Wang, Fang; 王", BERLIN),
}
NOW_US = to_us(datetime(2026, 3, 1, tzinfo=UTC))
YEAR = Span(NOW_US, NOW_US + 366 * 86_400_000_000)


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=zone))


def text(*lines: str) -> bytes:
    whole = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test", *lines, "END:VCALENDAR", "")
    return "\r\n".join(whole).encode()


def event(*lines: str) -> tuple[str, ...]:
    return ("BEGIN:VEVENT", "UID:one", "DTSTAMP:20260101T000000Z", *lines, "END:VEVENT")


WEEKLY = event(
    "SUMMARY:Li Wei",
    "DTSTART;TZID=Europe/Berlin:20260302T090000",
    "DTEND;TZID=Europe/Berlin:20260302T170000",
    "RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20260413T070000Z",
    "EXDATE;TZID=Europe/Berlin:20260316T090000",
)


def test_what_repeats_goes_by_the_clocks_of_its_zone() -> None:
    (found,) = read_events(text(*WEEKLY), BERLIN)

    spans = found.occurrences(YEAR)

    days = ["03-02", "03-09", "03-23", "03-30", "04-06", "04-13"]
    assert [span.start_us for span in spans] == [at(f"2026-{day}T09:00") for day in days]
    assert {span.length_us for span in spans} == {8 * 3_600_000_000}


def test_an_occurrence_can_be_moved_and_one_cancelled() -> None:
    moved = event(
        "SUMMARY:Li Wei",
        "RECURRENCE-ID;TZID=Europe/Berlin:20260309T090000",
        "DTSTART;TZID=Europe/Berlin:20260310T120000",
        "DURATION:PT1H",
    )
    gone = event(
        "STATUS:CANCELLED",
        "RECURRENCE-ID:20260323T080000Z",
        "DTSTART;TZID=Europe/Berlin:20260323T090000",
    )

    events = read_events(text(*WEEKLY, *moved, *gone), BERLIN)

    starts = sorted(span.start_us for each in events for span in each.occurrences(YEAR))
    days = ["03-02T09", "03-10T12", "03-30T09", "04-06T09", "04-13T09"]
    assert starts == [at(f"2026-{day}:00") for day in days]


def test_times_without_a_zone_are_those_of_the_reader() -> None:
    floating = event("SUMMARY:Li", "DTSTART:20260401T090000", "DTEND:20260401T100000")

    (found,) = read_events(text(*floating), BERLIN)

    assert found.occurrences(YEAR) == [Span(at("2026-04-01T09:00"), at("2026-04-01T10:00"))]


def test_a_zone_of_its_own_is_read() -> None:
    zone = (
        *("BEGIN:VTIMEZONE", "TZID:Office", "BEGIN:STANDARD", "DTSTART:19700101T000000"),
        *("TZOFFSETFROM:+0530", "TZOFFSETTO:+0530", "END:STANDARD", "END:VTIMEZONE"),
    )
    local = event("SUMMARY:Li", "DTSTART;TZID=Office:20260401T090000", "DURATION:PT1H")

    (found,) = read_events(text(*zone, *local), BERLIN)

    assert [to_datetime(span.start_us).isoformat() for span in found.occurrences(YEAR)] == [
        "2026-04-01T03:30:00+00:00"
    ]


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ("FREQ=SECONDLY", "SECONDLY"),
        ("FREQ=DAILY;BYMONTHDAY=30;BYMONTH=2", "BYMONTHDAY"),
        ("FREQ=YEARLY;BYEASTER=1", "BYEASTER"),
        ("FREQ=MONTHLY;BYHOUR=1,2", "BYHOUR"),
    ],
)
def test_rules_that_could_be_walked_for_ever_are_refused(rule: str, named: str) -> None:
    endless = event("DTSTART:20260401T090000Z", f"RRULE:{rule}")

    with pytest.raises(CalendarFileError, match=named):
        read_events(text(*endless), BERLIN)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"no calendar",
        b"\xff\xfe\x00",
        text(*event("SUMMARY:no start")),
        text(*event("DTSTART:20260401T090000Z", "DTEND:20260331T090000Z")),
        text(*event("DTSTART:20260401T090000Z", "DTEND:20280331T090000Z")),
        text(*event("DTSTART:yesterday")),
        b"x" * 1_100_000,
    ],
)
def test_a_text_that_is_none_is_refused_plainly(broken: bytes) -> None:
    with pytest.raises(CalendarFileError):
        list(read_events(broken, BERLIN)[0].occurrences(YEAR))


def test_what_we_write_is_read_by_others_and_by_us() -> None:
    shifts = [
        Shift(at("2026-03-29T09:00"), at("2026-03-30T09:00"), ("li", "wang"), "layer", "daily"),
        Shift(at("2026-03-30T09:00"), at("2026-03-31T09:00"), ("wang",), "override", "o1"),
    ]

    written = write_shifts("值班, on call", [("primary", each) for each in shifts], PEOPLE, NOW_US)

    assert all(len(line) <= 75 for line in written.split(b"\r\n"))
    assert b"\n" not in written.replace(b"\r\n", b"")
    calendar = Calendar.from_ical(written)
    assert calendar["X-WR-CALNAME"] == "值班, on call"
    assert [each.errors for each in calendar.walk()] == [[]] * 3
    others = recurring_ical_events.of(calendar).between(date(2026, 3, 1), date(2026, 5, 1))
    assert sorted(to_us(each["DTSTART"].dt) for each in others) == [s.start_us for s in shifts]
    layer = ImportedLayer("feed", named_people(read_events(written, BERLIN), PEOPLE))
    ours = layer.shifts(YEAR)
    assert [(s.span, s.people) for s in ours] == [(s.span, s.people) for s in shifts]


def test_an_event_keeps_its_uid_while_its_shift_stays() -> None:
    shift = Shift(at("2026-03-29T09:00"), at("2026-03-30T09:00"), ("li",), "layer", "daily")

    def uid(end: str, now_us: int, schedule: str = "primary") -> str:
        moved = Shift(shift.start_us, at(end), shift.people, shift.kind, shift.by)
        written = write_shifts("x", [(schedule, moved)], PEOPLE, now_us)
        return str(Calendar.from_ical(written).walk("VEVENT")[0]["UID"])

    assert uid("2026-03-30T09:00", NOW_US) == uid("2026-03-30T10:00", NOW_US + 9)
    assert uid("2026-03-30T09:00", NOW_US) != uid("2026-03-30T09:00", NOW_US, "secondary")


@pytest.mark.parametrize("named", ["SUMMARY:li", "SUMMARY:LI WEI", "SUMMARY:李伟"])
def test_people_are_found_by_their_names(named: str) -> None:
    events = read_events(text(*event(named, "DTSTART:20260401T090000Z", "DURATION:P1D")), BERLIN)

    assert [people for people, _ in named_people(events, PEOPLE)] == [("li",)]


def test_people_are_found_by_their_addresses() -> None:
    lines = ("SUMMARY:shift", "ATTENDEE;CN=x:MAILTO:Li@example.org", "DTSTART:20260401T090000Z")

    events = read_events(text(*event(*lines)), BERLIN)

    assert [people for people, _ in named_people(events, PEOPLE)] == [("li",)]


def test_all_events_that_name_nobody_are_told() -> None:
    both = [event(f"SUMMARY:{name}", "DTSTART:20260401T090000Z") for name in ("Bob", "Ann")]

    with pytest.raises(CalendarFileError, match="Ann, Bob"):
        named_people(read_events(text(*both[0], *both[1]), BERLIN), PEOPLE)


def test_days_off_are_all_day_events() -> None:
    holidays = ImportedHolidays(
        read_events(
            text(
                *event(
                    "SUMMARY:国庆节", "DTSTART;VALUE=DATE:20261001", "DTEND;VALUE=DATE:20261004"
                ),
                *event("SUMMARY:party", "DTSTART:20261224T120000Z", "DURATION:PT3H"),
                *event("SUMMARY:May Day", "DTSTART;VALUE=DATE:20200501", "RRULE:FREQ=YEARLY"),
            ),
            BERLIN,
        )
    )

    assert holidays.names(2026) == {
        date(2026, 5, 1): "May Day",
        **{date(2026, 10, day): "国庆节" for day in (1, 2, 3)},
    }
    assert holidays.names(2031) == {date(2031, 5, 1): "May Day"}


def test_a_token_is_of_one_feed_and_one_key() -> None:
    token = feed_token("secret", "schedules/primary")

    assert len(token) == 32
    assert token != feed_token("secret", "people/primary")
    assert token != feed_token("other", "schedules/primary")


@given(
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    st.integers(1, 5),
    st.sampled_from(["", ";COUNT=7", ";UNTIL=20261101T000000Z"]),
    st.sampled_from(["", ";BYDAY=MO,SA", ";BYMONTH=3,4,10"]),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Shanghai"]),
    st.integers(0, 23),
)
def test_rules_are_read_as_another_library_reads_them(
    frequency: str, interval: int, end: str, by: str, zone: str, hour: int
) -> None:
    lines = event(
        "SUMMARY:li",
        f"DTSTART;TZID={zone}:20260105T{hour:02}3000",
        "DURATION:PT45M",
        f"RRULE:FREQ={frequency};INTERVAL={interval}{end}{by}",
    )
    written = text(*lines)

    (found,) = read_events(written, BERLIN)
    ours = {span.start_us for span in found.occurrences(YEAR)}

    calendar = Calendar.from_ical(written)
    begin, until = to_datetime(YEAR.start_us), to_datetime(YEAR.end_us)
    theirs = recurring_ical_events.of(calendar).between(begin, until)
    skipped = timedelta(hours=2)  # of an hour that the clocks skip each has a view of its own
    assert {us for us in ours if not _is_near_change(us, zone, skipped)} == {
        us for each in theirs if not _is_near_change(us := to_us(each["DTSTART"].dt), zone, skipped)
    }


def _is_near_change(us: int, zone: str, near: timedelta) -> bool:
    moment = to_datetime(us)
    offsets = {
        each.astimezone(ZoneInfo(zone)).utcoffset() for each in (moment - near, moment + near)
    }
    return len(offsets) > 1


def test_layers_and_files_speak_of_the_same_shifts() -> None:
    turns = (("li",), ("wang",))
    layer = Layer("daily", turns, BERLIN, datetime.fromisoformat("2026-03-01T09:00"), timedelta(1))
    month = Span(at("2026-03-01T09:00"), at("2026-04-15T09:00"))

    written = write_shifts("x", [("primary", each) for each in layer.shifts(month)], PEOPLE, NOW_US)
    read = ImportedLayer("daily", named_people(read_events(written, BERLIN), PEOPLE))

    assert read.shifts(month) == layer.shifts(month)
