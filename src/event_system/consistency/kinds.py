"""Everything that can be found, on one page: code, title, remedy, and what a repair does."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

_BACKUP = "Bring the log back from a backup, or live with it: no repair invents events."
_OVERWRITTEN = "The row was changed from outside: compare it with a backup, or live with it."
_REBUILD = "builds the index again from the log"


class Kind(msgspec.Struct, frozen=True):
    """A kind of finding. `repair` is what `--repair` does; None where it can do nothing.

    A notice is no fault: it tells what an operator may want to know.
    """

    code: str
    title: str
    remedy: str
    repair: str | None = None
    is_notice: bool = False

    @property
    def advice(self) -> str:
        """What to do, and what a repair would do."""
        mending = "" if self.repair is None else f"`--repair` {self.repair}."
        return f"{self.remedy} {mending}".strip()


class Finding(NamedTuple):
    """What was found, `number` times; `key` is by what its store knows it when it mends it."""

    kind: Kind
    example: str
    key: Any = None
    number: int = 1


def _mendable(code: str, title: str, repair: str, remedy: str = "") -> Kind:
    return Kind(code, title, remedy, repair)


# The log

LOG_GAP = Kind("log.gap", "Events are missing from the log", _BACKUP)
LOG_CONTENT = Kind("log.content", "An event of the log cannot be read", _OVERWRITTEN)
LOG_KEY = Kind(
    "log.key", "An event is not what was stored: its keys are not its texts'", _OVERWRITTEN
)
LOG_LANE = Kind("log.lane", "An event is not in the lane of its subject", _OVERWRITTEN)
LOG_ORDER = Kind("log.order", "An event was received before the one in front of it", _OVERWRITTEN)
LOG_FLOOR = Kind("log.floor", "The log's floor is above its end", _BACKUP)
LOG_END = _mendable(
    "log.end",
    "The log's end is noted before its newest event, so that nothing can be stored",
    "notes the newest event as the end",
)
LOG_ROOM = _mendable(
    "log.room",
    "The end of the partitions is noted wrongly",
    "notes where the partitions end",
)
LOG_TYPES = _mendable(
    "log.types",
    "An event's type is not among the log's types, so that patterns miss it",
    "adds the type",
)

# What is made from the log

INDEX_DAMAGED = _mendable("index.damaged", "The index is damaged", _REBUILD)
INDEX_RUNS = _mendable("index.runs", "The runs of the index do not follow each other", _REBUILD)
INDEX_MISSING = _mendable("index.missing", "The index does not find an event", _REBUILD)
INDEX_FOREIGN = _mendable("index.foreign", "The index finds what is not in the log", _REBUILD)
FILTER_WRONG = _mendable(
    "filter.wrong",
    "A filter for duplicates is damaged, or does not know an event",
    "removes the file; the node's next start makes it again",
)

# What points into it

FILE_DAMAGED = Kind("file.damaged", "A file is damaged", "Do what the example says.")
FILE_FOREIGN = Kind(
    "file.foreign",
    "A file belongs to another log",
    "Bring back the file of this log; or move it away, and what it keeps starts as new.",
)
FILE_STRAY = Kind(
    "file.stray",
    "A batch listener's file is of no listener that is known",
    "Move it away if its listener does not come back.",
    is_notice=True,
)
CURSOR_AHEAD = _mendable(
    "cursor.ahead",
    "A listener stands beyond the end of the log: it would miss new events",
    "moves it back to the end of the log",
    "Bring the newest log back from a backup, unless those events are lost for good.",
)
CURSOR_LANE = _mendable(
    "cursor.lane", "A cursor is of a lane that the log does not have", "drops the cursor"
)
CURSOR_UNKNOWN = _mendable(
    "cursor.unknown",
    "A listener that is not known has cursors: it would begin anew",
    "makes the listener known, so that it goes on where its cursors stand",
)
CURSOR_BEHIND = Kind(
    "cursor.behind",
    "Events after a listener's cursor have been deleted",
    "Retention waits for loaded listeners only. Purge one that does not come back.",
    is_notice=True,
)
FAILURE_EVENT = _mendable(
    "failure.event",
    "The event of a failed delivery is not in the log: it can never be tried again",
    "drops the failed delivery",
)
FAILURE_DIFFERS = _mendable(
    "failure.differs",
    "A failed delivery names another lane or type than its event has",
    "takes lane and type from the event",
)
FAILURE_STATE = _mendable(
    "failure.state",
    "A failed delivery is in a state that does not exist",
    "makes it a dead letter, for an operator to decide on",
)
FAILURE_TIME = _mendable(
    "failure.time",
    "A failed delivery is due at a time that no retry policy gives",
    "makes it due now",
)
FAILURE_COUNTS = _mendable(
    "failure.counts", "The numbers of failed deliveries are not those of the rows", "counts again"
)
REPLAY_UNREADABLE = _mendable(
    "replay.unreadable", "A replay cannot be read", "drops the replay; its listener stays as it is"
)
REPLAY_AHEAD = Kind(
    "replay.ahead",
    "A replay goes beyond the end of the log",
    "Cancel it: `event-system replays cancel LISTENER ID`.",
)

# What waits

WAITING_DELIVERED = _mendable(
    "waiting.delivered",
    "A delayed event waits although it has been delivered",
    "drops the one that waits",
)
WAITING_KEY = Kind(
    "waiting.key",
    "A delayed event is not what was stored: its keys are not its texts'",
    "Take it back: `event-system scheduled cancel ID`; then send it again.",
)
WAITING_TIME = Kind(
    "waiting.time",
    "A delayed event waits for longer than events may",
    "Take it back: `event-system scheduled cancel ID`.",
)
SCHEDULE_UNREADABLE = Kind(
    "schedule.unreadable",
    "A schedule cannot be read",
    "Bring the row back from a backup, or delete it, and set the schedule again.",
)
SCHEDULE_AHEAD = Kind(
    "schedule.ahead",
    "A schedule's last event lies beyond the end of the log",
    "Bring the newest log back from a backup; the schedule's next firing mends the number.",
)
TYPE_UNREADABLE = Kind(
    "catalogue.unreadable",
    "An event type of the catalogue cannot be read",
    "Bring the catalogue back from a backup, or delete the row, and set the type again.",
)
