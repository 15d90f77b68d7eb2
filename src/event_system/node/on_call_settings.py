"""The settings of who is on call; `on_call_plan.py` says what they come to."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from event_system.node.sections import LIVE, Section

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
Name = Annotated[str, Field(pattern=NAME)]


def _clock(value: Any) -> Any:
    """YAML reads 18:00 without quotes as a number in base 60: the minutes of the day."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value // 60:02}:{value % 60:02}"
    return value


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Clock = Annotated[str, BeforeValidator(_clock)]
Hours = Annotated[list[str], BeforeValidator(_several)]
Turn = Annotated[list[str], BeforeValidator(_several), Field(min_length=1, max_length=10)]


class PersonSettings(Section):
    """Somebody who may be on call."""

    name: str = Field("", description="The full name; by default the key.", max_length=100)
    name_zh: str = Field("", description="The name in Chinese texts.", max_length=100)
    email: str | None = Field(
        None, description="E-mail address.", pattern=r"^[^@\s]{1,64}@[^@\s]{1,255}$"
    )
    phone: str | None = Field(
        None,
        description="Telephone number for calls and SMS, as E.164: `+8613800000000`.",
        pattern=r"^\+[1-9]\d{5,14}$",
    )
    slack: str | None = Field(None, description="Slack member id.", min_length=1, max_length=100)
    wecom: str | None = Field(None, description="WeCom user id.", min_length=1, max_length=100)
    dingtalk: str | None = Field(
        None, description="DingTalk user id.", min_length=1, max_length=100
    )
    time_zone: str = Field("UTC", description="Where the person lives: an IANA name.")
    language: Literal["en", "zh"] = Field("en", description="Of what is sent to the person.")
    calendar: str | None = Field(
        None, description="Working hours, of `on_call.calendars`; null is the schedule's."
    )


class HolidaySettings(Section):
    """A day off, or several."""

    date: dt.date = Field(description="The day, or the first one.")
    until: dt.date | None = Field(None, description="The last day; null is one day.")
    name: str = Field("holiday", description="What it is called.", min_length=1, max_length=100)


class WorkingDaySettings(Section):
    """A day that is worked although its weekday or a holiday says otherwise."""

    date: dt.date = Field(description="The day.")
    weekday: str = Field("mon", description="Whose hours count on it.")


class CalendarSettings(Section):
    """Working hours."""

    time_zone: str | None = Field(
        None, description="An IANA name; null goes by the clocks of whoever is on call."
    )
    hours: dict[str, Hours] = Field(
        {"mon-fri": ["09:00-18:00"]},
        description="By weekdays (`mon`, `mon-fri`, `sat,sun`): `09:00-18:00`, or a list of them.",
        min_length=1,
        max_length=7,
    )
    country: str | None = Field(
        None,
        description="Public holidays of a country, such as `CN`, with its working days that are "
        "moved to weekends; needs `pip install 'event-system[holidays]'`.",
        pattern=r"^[A-Z]{2,3}$",
    )
    part: str | None = Field(
        None, description="A part of the country: `BY` of `DE`.", pattern=r"^[A-Za-z0-9-]{1,20}$"
    )
    holidays: list[HolidaySettings] = Field([], description="Days off.", max_length=1000)
    holidays_file: str | None = Field(
        None, description="An iCalendar file whose all-day events are days off."
    )
    working_days: list[WorkingDaySettings] = Field(
        [], description="Days that are worked nevertheless.", max_length=1000
    )


class RestrictionSettings(Section):
    """When a layer counts."""

    days: str = Field("mon-sun", description="Weekdays: `mon-fri`.")
    start: Clock = Field("00:00", description="Time of day from which on it counts.")
    end: Clock = Field(
        "24:00", description="Time of day until which; not after `start` is the next day's."
    )


class LayerSettings(Section):
    """A rotation: people take turns; or the events of an iCalendar file."""

    name: str = Field("", description="By default its number.", max_length=64)
    people: list[Turn] = Field(
        [],
        description="Who takes turns, in this order; a list in it is several people at once.",
        max_length=100,
    )
    turn: str = Field("weekly", description="How long: `daily`, `weekly`, `12h`, `3d`, `2w`.")
    start: dt.date | None = Field(None, description="Date of the first hand-over.")
    hand_over: Clock = Field("09:00", description="Time of day at which hands change.")
    until: dt.date | None = Field(None, description="The last day; null goes on.")
    restrictions: list[RestrictionSettings] = Field(
        [], description="When the layer counts; without any always.", max_length=50
    )
    file: str | None = Field(
        None,
        description="An iCalendar file whose events name people, instead of `people`.",
    )


class ScheduleSettings(Section):
    """Who answers when: of its layers the last one that has somebody counts."""

    description: str = Field("", description="What it is for.", max_length=500)
    time_zone: str = Field("UTC", description="By which clocks hands change: an IANA name.")
    calendar: str | None = Field(
        None, description="Working hours, of `on_call.calendars`; null is `on_call.calendar`."
    )
    layers: list[LayerSettings] = Field(description="Rotations.", min_length=1, max_length=20)


class OnCallSettings(Section):
    """People, their working hours, and who is on call when."""

    people: dict[Name, PersonSettings] = Field(
        {},
        description="By the name that all else uses.",
        max_length=1000,
        json_schema_extra=LIVE,
    )
    calendars: dict[Name, CalendarSettings] = Field(
        {}, description="Working hours by name.", max_length=100, json_schema_extra=LIVE
    )
    schedules: dict[Name, ScheduleSettings] = Field(
        {}, description="Who is on call, by name.", max_length=200, json_schema_extra=LIVE
    )
    calendar: str | None = Field(
        None,
        description="Working hours where nothing else names some; null is Monday to Friday 9 to "
        "18 by the person's clocks.",
        json_schema_extra=LIVE,
    )
    feed_key: str | None = Field(
        None,
        description="At least 16 characters from which the addresses of calendar feeds are made; "
        "another key ends them all. Null has no such addresses.",
        min_length=16,
        max_length=256,
        json_schema_extra=LIVE,
    )
    feed_key_file: str | None = Field(None, description="A file with that key.")
