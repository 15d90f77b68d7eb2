"""Silences that somebody should think of.

They hide something for long, end before it does, or hide nothing. Each is reported as an alert of its own, so that it goes the way of all alerts: to the receiver
that the routes name for its owner, into the log of events, and it ends once the cause is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec

from event_system.alerting.matchers import written
from event_system.alerting.reports import Report
from event_system.alerting.silences import FORGOTTEN, SILENCE_LABEL, Silence, matchers_of
from event_system.kernel.clock import rfc3339

Cause: TypeAlias = Literal["muting", "ending", "idle"]
_DAY_US: Final = 86_400_000_000
_LASTS_US: Final = 300_000_000
_SAVED_US: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Reminders:
    """When a silence counts as forgotten, in microseconds.

    `muting_us`: it has hidden something that fires for so long; `ending_us`: it ends within this
    while something fires still; `idle_us`: it has hidden nothing for so long.
    """

    muting_us: int = _DAY_US
    ending_us: int = 1_800_000_000
    idle_us: int = 7 * _DAY_US


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """When a silence last hid something, and since when without a break (0: it hides nothing)."""

    last_us: int
    since_us: int = 0


def noted(note: Note | None, silence: Silence, is_hiding: bool, now_us: int) -> Note:
    """The note once it was looked whether a silence hides something that fires."""
    if note is None:
        note = Note(last_us=silence.starts_us)
    if not is_hiding:
        return note if note.since_us == 0 else msgspec.structs.replace(note, since_us=0)
    return Note(last_us=now_us, since_us=note.since_us or now_us)


def is_news(before: Note | None, now: Note) -> bool:
    """Whether it has to be stored; by the hour is often enough."""
    if before is None or (before.since_us == 0) != (now.since_us == 0):
        return True
    return now.last_us - before.last_us >= _SAVED_US


def causes(silence: Silence, note: Note, now_us: int, by: Reminders) -> Iterator[Cause]:
    """Why somebody should think of an active silence."""
    if note.since_us:
        if now_us - note.since_us >= by.muting_us:
            yield "muting"
        is_long = silence.ends_us - silence.starts_us >= 2 * by.ending_us
        if is_long and silence.ends_us - now_us <= by.ending_us:
            yield "ending"
    elif now_us - note.last_us >= by.idle_us:
        yield "idle"


_TEXTS: Final[dict[Cause, tuple[str, str]]] = {
    "muting": (
        "The silence {id} of {owner} has hidden something that fires since {since}",
        "{owner} 的静默 {id} 自 {since} 起一直掩盖着触发中的告警",
    ),
    "ending": (
        "The silence {id} of {owner} ends at {until}, and what it hides still fires",
        "{owner} 的静默 {id} 将于 {until} 结束，而它掩盖的告警仍在触发",
    ),
    "idle": (
        "The silence {id} of {owner} has hidden nothing since {last}",
        "{owner} 的静默 {id} 自 {last} 起没有掩盖任何告警",
    ),
}


def report(silence: Silence, note: Note, cause: Cause, now_us: int) -> Report:
    """The alert that says so; it ends unless it is reported again."""
    facts = {
        "id": silence.id,
        "owner": silence.created_by,
        "since": rfc3339(note.since_us),
        "until": rfc3339(silence.ends_us),
        "last": rfc3339(note.last_us),
    }
    english, chinese = (text.format(**facts) for text in _TEXTS[cause])
    about = f"{written(matchers_of(silence))}: {silence.comment}"
    return Report(
        labels={
            "alertname": FORGOTTEN,
            SILENCE_LABEL: silence.id,
            "owner": silence.created_by,
            "cause": cause,
            "severity": "info",
            "level": "P3",
        },
        annotations={
            "summary": english,
            "summary_zh": chinese,
            "description": about,
            "description_zh": about,
        },
        ends_us=now_us + _LASTS_US,
    )
