"""What may be said about who is on call, and how all that is wrong with it is told."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from event_system.kernel.clock import to_us
from event_system.kernel.errors import ConfigurationError
from event_system.node.configuration import Loaded, load_settings
from event_system.node.effective import MASK, effective_settings
from event_system.node.on_call_plan import gap_warnings
from event_system.oncall.rotations import Layer

GOOD = """
on_call:
  feed_key: correct horse battery staple
  calendar: office
  people:
    li: {name: Li Wei, name_zh: 李伟, email: li@example.org, phone: "+8613800000000",
         time_zone: Asia/Shanghai, language: zh}
    wang: {name: Wang Fang, slack: U012AB3CD}
    zhao: {time_zone: Europe/Berlin, calendar: berlin}
  calendars:
    office:
      hours: {mon-thu: ["09:00-12:00", "13:00-18:00"], fri: "09:00-15:00"}
      country: CN
      holidays: [{date: 2026-12-24, until: 2026-12-31, name: 年末}]
      working_days: [{date: 2026-12-26, weekday: fri}]
    berlin: {time_zone: Europe/Berlin}
  schedules:
    primary:
      description: Whoever answers first
      time_zone: Asia/Shanghai
      layers:
        - {people: [li, [wang, zhao]], start: 2026-01-05}
        - name: nights
          people: [zhao]
          turn: daily
          start: 2026-01-05
          hand_over: 18:00
          restrictions: [{days: mon-fri, start: 20:00, end: 08:00}]
    file:
      layers: [{file: team.ics}]
"""
TEAM = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:x
BEGIN:VEVENT
UID:1
SUMMARY:Wang Fang
DTSTART:20260101T000000Z
DTEND:20260102T000000Z
RRULE:FREQ=DAILY
END:VEVENT
END:VCALENDAR
"""


def load(folder: Path, text: str) -> Loaded:
    path = folder / "event-system.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, {})


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).astimezone(UTC))


def test_without_people_nobody_is_on_call() -> None:
    plan = load_settings(None, {}).on_call

    assert (plan.people, plan.schedules) == ({}, {})
    assert plan.working_hours(None).is_open(at("2026-11-19T10:00Z"))


def test_settings_become_a_plan(tmp_path: Path) -> None:
    (tmp_path / "team.ics").write_text(TEAM)

    loaded = load(tmp_path, GOOD)

    plan = loaded.on_call
    assert plan.people["li"].contacts == {"email": "li@example.org", "phone": "+8613800000000"}
    assert plan.people["li"].shown("zh") == "李伟"
    assert plan.people["zhao"].shown("zh") == "zhao"
    primary = plan.schedule("primary")
    nights = primary.layers[1]
    assert isinstance(nights, Layer)
    assert (nights.first.hour, nights.length) == (18, timedelta(days=1))
    assert primary.on_call(at("2026-01-12T12:00+08:00")) == ("wang", "zhao")
    assert primary.on_call(at("2026-01-12T21:00+08:00")) == ("zhao",)
    assert plan.schedule("file").on_call(at("2026-11-19T10:00Z")) == ("wang",)
    assert tmp_path / "team.ics" in loaded.files
    assert loaded.warnings == []


def test_working_hours_go_by_the_clocks_of_the_person(tmp_path: Path) -> None:
    (tmp_path / "team.ics").write_text(TEAM)
    plan = load(tmp_path, GOOD).on_call
    office = plan.working_hours(plan.person("li"), plan.schedule("primary"))

    assert office.is_open(at("2026-11-19T10:00+08:00"))
    assert not office.is_open(at("2026-11-19T12:30+08:00"))
    assert not office.is_open(at("2026-11-19T10:00Z"))
    assert office.day_off(date(2026, 12, 25)) == "年末"
    assert office.is_open(at("2026-12-26T10:00+08:00"))
    assert not office.is_open(at("2026-10-01T10:00+08:00"))
    assert plan.working_hours(plan.person("zhao")).is_open(at("2026-11-19T17:30+01:00"))
    assert plan.working_hours(None, plan.schedule("primary")).is_open(at("2026-11-19T10:00+08:00"))


def test_every_fault_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    text = """
on_call:
  calendar: nowhere
  people:
    li: {time_zone: Asia/Shangai, calendar: offce}
  calendars:
    office: {hours: {mon-fri: "09:00-25:00", mon: "08:00-07:00", funday: "09:00-10:00"}}
    empty: {hours: {mon: []}}
    far: {country: XX, holidays: [{date: 2026-02-02, until: 2026-02-01}], holidays_file: none.ics}
  schedules:
    primary:
      layers:
        - {people: [li, wang], start: 2026-01-05, turn: often, hand_over: noon}
        - {people: [li]}
        - {}
        - {people: [li], start: 2026-01-05, until: 2025-01-01, restrictions: [{days: x}]}
        - {file: broken.ics}
"""
    (tmp_path / "broken.ics").write_text("nothing")

    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)

    told = str(caught.value)
    for part in (
        "on_call.calendar: no calendar 'nowhere'; known: empty, far, office",
        "on_call.people.li.time_zone: 'Asia/Shangai' is no time zone",
        "on_call.people.li.calendar: no calendar 'offce'",
        "'25:00' is no time of day",
        "'08:00-07:00' ends before it begins",
        "'funday' are no weekdays",
        "on_call.calendars.empty.hours: it never opens",
        "no public holidays of 'XX'",
        "2026-02-02 to 2026-02-01 is no range of days",
        "none.ics cannot be read",
        "no person 'wang'",
        "'often' is no length of a turn",
        "'noon' is no time of day",
        "a rotation needs the date of its first hand-over",
        "give `people`, or a `file`",
        "it ends before it begins",
        "'x' are no weekdays",
        "this is no iCalendar text",
    ):
        assert part in told
    assert "event-system.yaml:3:" in told
    assert caught.value.files == (
        tmp_path / "event-system.yaml",
        tmp_path / "none.ics",
        tmp_path / "broken.ics",
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("people", {"li": {"phone": "0138"}}),
        ("people", {"li": {"email": "nobody"}}),
        ("people", {"l i": {}}),
        ("people", {"li": {"telefax": "1"}}),
        ("feed_key", "short"),
        ("schedules", {"primary": {"layers": []}}),
    ],
)
def test_what_cannot_work_is_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"on_call.{key}"):
        load_settings(None, {}, {f"on_call.{key}": value})


def test_the_feed_key_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("0123456789abcdef\n")

    loaded = load(tmp_path, "on_call: {feed_key_file: key}")

    assert loaded.settings.on_call.feed_key == "0123456789abcdef"
    shown = {each.key: each.value for each in effective_settings(loaded)}
    assert shown["on_call.feed_key"] == MASK


def test_gaps_are_warned_of(tmp_path: Path) -> None:
    text = """
on_call:
  people: {li: {}}
  schedules:
    days:
      layers:
        - {people: [li], start: 2026-01-05, restrictions: [{start: 08:00, end: 20:00}]}
"""
    plan = load(tmp_path, text).on_call

    (warning,) = gap_warnings(plan, at("2026-03-02T12:00Z"))

    assert "on_call.schedules.days: nobody is on call for 336 hours" in warning
    assert "first on 2026-03-02 20:00 UTC" in warning


@pytest.mark.parametrize("page", ["docs/on-call.md", "docs/zh/on-call.md"])
def test_the_configuration_of_the_page_is_one(tmp_path: Path, page: str) -> None:
    text = (Path(__file__).parents[3] / page).read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)

    loaded = load(tmp_path, shown)

    assert set(loaded.on_call.people) == {"li", "wang", "anna"}
    assert loaded.warnings == []
