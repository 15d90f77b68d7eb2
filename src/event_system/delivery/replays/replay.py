"""A replay: what was asked for, and how far it is. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from event_system.kernel.clock import rfc3339

Mode: TypeAlias = Literal["all", "missed"]
State: TypeAlias = Literal["running", "waiting", "done", "cancelled"]

KEPT = 100
"""Replays that are kept of a listener once they have ended."""

MAX_RATE = 1_000_000.0
"""Events per second; more than any listener handles."""


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A replay as it is kept.

    It shows the events above `after`, up to `through`; in each lane up to `ends`, where its
    listener's live cursor stood when it was asked for. `began` is the offset after which the
    listener began to listen at all. `cursors` maps a lane to the offset up to which it is complete;
    `handled` and `failed` count calls. It is `running` until it is `done` or `cancelled`. `detail`
    is what an operator should know of it.
    """

    id: int = 0
    listener: str
    mode: Mode
    after: int
    through: int
    began: int
    ends: dict[int, int]
    rate: float | None
    state: State = "running"
    started_us: int
    ended_us: int | None = None
    detail: str | None = None
    cursors: dict[int, int] = {}
    handled: int = 0
    failed: int = 0

    @property
    def mark(self) -> str:
        """What tells this replay from all others, also from those of a lost state."""
        return f"{self.id}-{self.started_us}"

    @property
    def offset(self) -> int:
        """Everything up to there is complete."""
        if self.state == "done":
            return self.through
        return min(self.cursors.values(), default=self.after)

    @property
    def progress(self) -> float:
        """The part of the way that is done, 0 to 1; lanes run ahead of `offset`."""
        if self.state == "done" or self.through <= self.after:
            return 1.0
        if not self.cursors:
            return 0.0
        way = self.through - self.after
        return sum((at - self.after) / way for at in self.cursors.values()) / len(self.cursors)

    def cursor(self, lane: int) -> int:
        """Where it stands in a lane; in one that it did not have before, where all are complete."""
        return self.cursors.get(lane, self.offset)


to_bytes = msgspec.json.Encoder().encode
from_bytes = msgspec.json.Decoder(Replay).decode


def numbered(replay: Replay, id_: int) -> Replay:
    """The replay under the number that its store gave it."""
    return msgspec.structs.replace(replay, id=id_)


class ReplayStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A replay as operators see it.

    `from_offset` to `until_offset` are the offsets that it goes through, `offset` is how far it is,
    `progress` the part of the way, 0 to 1. `handled` events were given to the listener, of which
    `failed` failed (and are tried again as any other, or are dead letters). `rate` is events per
    second over the last minute, `rate_limit` its most. `state` is `running`, `waiting` (its
    listener is paused, stopped or not loaded), `done` or `cancelled`.
    """

    id: int
    listener: str
    mode: Mode
    state: State
    from_offset: int
    until_offset: int
    offset: int
    progress: float
    handled: int
    failed: int
    rate: float
    rate_limit: float | None
    started_at: str
    ended_at: str | None
    estimated_end: str | None
    detail: str | None


class Pace(msgspec.Struct, frozen=True):
    """How fast a replay goes at present.

    `rate` is events per second, `progress` and `us` where it was and when, as this process took it
    up, `now_us` is now.
    """

    rate: float
    progress: float
    us: int
    now_us: int


def status_of(replay: Replay, state: State, pace: Pace | None = None) -> ReplayStatus:
    """What operators see; `pace` only of one that is at work."""
    return ReplayStatus(
        id=replay.id,
        listener=replay.listener,
        mode=replay.mode,
        state=state,
        from_offset=replay.after + 1,
        until_offset=replay.through,
        offset=replay.offset,
        progress=round(replay.progress, 4),
        handled=replay.handled,
        failed=replay.failed,
        rate=0.0 if pace is None else round(pace.rate, 3),
        rate_limit=replay.rate,
        started_at=rfc3339(replay.started_us),
        ended_at=None if replay.ended_us is None else rfc3339(replay.ended_us),
        estimated_end=None if pace is None else _estimated_end(replay, pace),
        detail=replay.detail,
    )


def _estimated_end(replay: Replay, pace: Pace) -> str | None:
    """When it is done if it goes on as it went in this process; None where nobody can tell."""
    gone = replay.progress - pace.progress
    if gone <= 0:
        return None
    left_us = int((1 - replay.progress) / gone * (pace.now_us - pace.us))
    return rfc3339(pace.now_us + left_us) if left_us < LONGEST_ESTIMATE_US else None


LONGEST_ESTIMATE_US = 10 * 366 * 86_400_000_000
"""Ten years: beyond that an estimate says nothing."""


def clipped(ends: Mapping[int, int], after: int, until: int) -> dict[int, int]:
    """The lanes' ends within the part that is asked for."""
    return {lane: max(after, min(end, until)) for lane, end in ends.items()}
