"""Cursors, failed deliveries, replays and what waits, held against the log. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from event_system.consistency.kinds import (
    CURSOR_AHEAD,
    CURSOR_BEHIND,
    CURSOR_LANE,
    CURSOR_UNKNOWN,
    FAILURE_COUNTS,
    FAILURE_DIFFERS,
    FAILURE_STATE,
    FAILURE_TIME,
    REPLAY_AHEAD,
    REPLAY_UNREADABLE,
    SCHEDULE_AHEAD,
    SCHEDULE_UNREADABLE,
    TYPE_UNREADABLE,
    WAITING_DELIVERED,
    WAITING_KEY,
    WAITING_TIME,
    Finding,
)
from event_system.consistency.ports import (
    Bounds,
    CountKey,
    Failed,
    Named,
    Position,
    ReplayFound,
    StoredRow,
    Waiting,
)
from event_system.consistency.rows import wrong_keys
from event_system.kernel.clock import rfc3339

STATES: Final = ("retrying", "blocking", "dead")
LONGEST_US: Final = 367 * 86_400_000_000
"""No retry policy pauses, and no event is delayed, for longer; a day for clocks that are wrong."""


def positions(found: Sequence[Position], known: set[str], log: Bounds) -> Iterator[Finding]:
    """Offsets that were reached; `log` is looked at after them."""
    unknown: defaultdict[str, list[int]] = defaultdict(list)
    for position in found:
        what, listener, lane, offset = position
        if offset > log.head:
            detail = f"{_told(position)} at offset {offset}, the log ends at {log.head}"
            yield Finding(CURSOR_AHEAD, detail, log.head)
        if lane is not None and not 0 <= lane < log.lanes:
            yield Finding(CURSOR_LANE, _told(position), (listener, lane))
        elif what in ("cursor", "batch") and listener not in known:
            unknown[listener].append(min(offset, log.head))
    for listener, offsets in unknown.items():
        yield Finding(CURSOR_UNKNOWN, listener, (listener, min(offsets)))
    yield from _behind(found, log)


def _behind(found: Sequence[Position], log: Bounds) -> Iterator[Finding]:
    """Listeners with a cursor below the floor; one that has caught up with what was shown is not."""
    furthest: dict[str, int] = {}
    for what, listener, _, offset in found:
        if what in ("cursor", "batch"):
            furthest[listener] = min(offset, furthest.get(listener, offset))
    for listener, offset in furthest.items():
        if offset < log.floor:
            detail = f"{listener} at offset {offset}, events up to {log.floor} may be deleted"
            yield Finding(CURSOR_BEHIND, detail)


def _told(position: Position) -> str:
    what, listener, lane, _ = position
    return " ".join(
        [what, *([listener] if listener else []), *([] if lane is None else [f"lane {lane}"])]
    )


def failures(
    found: Sequence[Failed], places: Mapping[int, tuple[int, str]], now_us: int
) -> Iterator[Finding]:
    """What is wrong with failed deliveries whose events are in the log, at these places."""
    for failure in found:
        if (place := places.get(failure.offset)) is None:
            continue
        name = told_failure(failure)
        if place != (failure.lane, failure.type):
            detail = f"{name} is of lane {failure.lane} and type {failure.type!r}"
            yield Finding(FAILURE_DIFFERS, detail, (failure, *place))
        if failure.state not in STATES:
            yield Finding(FAILURE_STATE, f"{name}: {failure.state!r}", failure)
        elif failure.state != "dead" and not 0 <= failure.at_us <= now_us + LONGEST_US:
            yield Finding(FAILURE_TIME, f"{name} at {failure.at_us} µs", failure)


def told_failure(failure: Failed) -> str:
    return f"{failure.listener} at offset {failure.offset}"


def counts(kept: Mapping[CountKey, int], rows: Counter[CountKey]) -> Iterator[Finding]:
    """Numbers beside the rows that are not the rows'."""
    for key in sorted(kept.keys() | rows.keys()):
        place, listener, state = key
        if kept.get(key, 0) != rows[key]:
            detail = f"{listener}: {kept.get(key, 0)} {state}, the rows are {rows[key]}"
            yield Finding(FAILURE_COUNTS, detail, (place, listener))


def replays(found: Iterable[ReplayFound], head: int) -> Iterator[Finding]:
    for replay in found:
        name = f"replay {replay.id} of {replay.listener}"
        if replay.fault is not None:
            yield Finding(REPLAY_UNREADABLE, f"{name}: {replay.fault}", replay.id)
        elif replay.reaches > head:
            detail = f"{name} up to offset {replay.reaches}, the log ends at {head}"
            yield Finding(REPLAY_AHEAD, detail)


def schedules(found: Iterable[Named], head: int) -> Iterator[Finding]:
    for name, fault, offset in found:
        if fault is not None:
            yield Finding(SCHEDULE_UNREADABLE, f"{name}: {fault}")
        if offset > head:
            detail = f"{name} fired at offset {offset}, the log ends at {head}"
            yield Finding(SCHEDULE_AHEAD, detail)


def types(found: Iterable[Named]) -> Iterator[Finding]:
    return (
        Finding(TYPE_UNREADABLE, f"{name}: {fault}")
        for name, fault, _ in found
        if fault is not None
    )


def waiting(found: Sequence[Waiting]) -> Iterator[Finding]:
    """What is wrong with delayed events by themselves."""
    for _, due_us, row in found:
        name = f"{row[7]} of {row[6]}"
        try:
            wrong = wrong_keys(row)
        except (TypeError, AttributeError, ValueError) as error:
            wrong = str(error)
        if wrong:
            yield Finding(WAITING_KEY, f"{name}: {wrong}")
        elif not 0 <= due_us <= row[10] + LONGEST_US:
            yield Finding(WAITING_TIME, f"{name} is due at {due_us} µs")


def delivered(row: StoredRow, found: Sequence[Waiting]) -> Iterator[Finding]:
    """Those of the events that wait which are the one of this row, fired.

    One that was sent at once with the same id came before its twin was due; that one is dropped
    when it is.
    """
    members = [3, 5, 6, 7, 8, 9]  # all that says what an event is, but for its receipt
    for number, due_us, other in found:
        same = all(row[1 + place] == other[place] for place in (0, *members))
        if same and row[11] >= due_us:
            detail = f"{row[8]} of {row[7]}, due {rfc3339(due_us)}, is at offset {row[0]}"
            yield Finding(WAITING_DELIVERED, detail, number)
