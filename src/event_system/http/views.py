"""What successful answers contain: the shapes that the API documentation shows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from event_system.http.health import State

_Id = Annotated[str, Meta(description="The event's id.")]
_Offset = Annotated[int, Meta(description="The event's position in the log, from 1.")]
_MaybeOffset = Annotated[
    int, Meta(description="The event's position in the log, from 1; 0 while it waits.")
]
_Duplicate = Annotated[
    bool,
    Meta(description="Whether it was stored before; `offset` is then the first one."),
]
_Time = Annotated[str, Meta(description="RFC 3339, UTC, milliseconds.")]


class ListenerResult(Struct):
    """A sync listener's outcome; `error` is there where it failed."""

    listener: str
    ms: Annotated[float, Meta(description="Milliseconds that it took.")]
    result: Annotated[Any, Meta(description="What it returned.")] = None
    error: str | None = None
    stopped: Annotated[bool, Meta(description="Whether it stopped later listeners.")] = False


class Receipt(Struct, omit_defaults=True):
    """Where a triggered event is; `results` is there only where sync listeners ran."""

    id: _Id
    offset: _MaybeOffset
    duplicate: _Duplicate
    deliver_at: Annotated[
        str | None, Meta(description="Until when it waits; absent where it is in the log.")
    ] = None
    results: list[ListenerResult] = []


class Fault(Struct):
    """What is wrong with one event of a batch."""

    index: Annotated[int, Meta(description="Its place in the batch, from 0.")]
    code: Annotated[str, Meta(description="The error's stable code.")]
    detail: str
    where: Annotated[str | None, Meta(description="The member at fault.")] = None


class BatchReceipt(Struct):
    """Where the events of a batch are, in its order without the faulty ones."""

    accepted: Annotated[int, Meta(description="Events stored now.")]
    duplicates: Annotated[int, Meta(description="Events that were stored before.")]
    events: list[Receipt]
    faults: list[Fault]


class CloudEvent(Struct):
    """An event in CloudEvents 1.0 JSON form with the platform's attributes.

    Extension attributes stand beside these. Data that is neither JSON nor text is in
    `data_base64`.
    """

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: _Time
    received_at: Annotated[str, Meta(description="When it was accepted.")]
    offset: _Offset
    lane: Annotated[int, Meta(description="The ordered sub-stream of its subject.")]
    subject: str | None = None
    traceparent: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    data: Any = None
    data_base64: str | None = None


class ScheduledEvent(Struct):
    """An event that waits for its time, in CloudEvents 1.0 JSON form."""

    deliver_at: Annotated[str, Meta(description="When it is due: RFC 3339, UTC.")]
    accepted_at: Annotated[str, Meta(description="When it was accepted.")]
    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: _Time
    subject: str | None = None
    traceparent: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    data: Any = None
    data_base64: str | None = None


class ScheduledPage(Struct):
    """A page of waiting events, the earliest due first."""

    events: list[ScheduledEvent]
    next: Annotated[str | None, Meta(description="Cursor of the next page; null at the end.")]


class ScheduleEvent(Struct):
    """The event of each firing of a schedule."""

    type: str
    source: str
    subject: str | None = None
    data: Any = None


class Schedule(Struct):
    """A schedule, when it fires next and when it fired last."""

    name: str
    cron: Annotated[str, Meta(description="Five fields, or six with seconds in front.")]
    time_zone: Annotated[str, Meta(description="IANA name.")]
    event: ScheduleEvent
    jitter_seconds: int
    catch_up: Literal["skip", "one", "all"]
    enabled: bool
    start: str | None
    end: str | None
    next: Annotated[str | None, Meta(description="When it fires next, jitter included.")]
    last: Annotated[str | None, Meta(description="When it fired last.")]
    last_offset: Annotated[int | None, Meta(description="Where that event is in the log.")]
    fired: Annotated[int, Meta(description="How often it has fired.")]


class Schedules(Struct):
    """All schedules by name."""

    schedules: list[Schedule]


class ListedEvent(Struct):
    """An event in CloudEvents 1.0 JSON form; with `fields` only the members that it names."""

    specversion: Literal["1.0"] | UnsetType = UNSET
    id: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    time: _Time | UnsetType = UNSET
    received_at: Annotated[str, Meta(description="When it was accepted.")] | UnsetType = UNSET
    offset: _Offset | UnsetType = UNSET
    lane: Annotated[int, Meta(description="The ordered sub-stream of its subject.")] | UnsetType = (
        UNSET
    )
    subject: str | UnsetType = UNSET
    traceparent: str | UnsetType = UNSET
    datacontenttype: str | UnsetType = UNSET
    dataschema: str | UnsetType = UNSET
    data: Any = UNSET
    data_base64: str | UnsetType = UNSET


class EventPage(Struct):
    """A page of events in the order asked for."""

    events: list[ListedEvent]
    next: Annotated[str | None, Meta(description="Cursor of the next page; null at the end.")]
    searched_to: Annotated[
        int | None,
        Meta(
            description="Only where the page is short because its time was over: the offset to "
            "which everything has been looked at. `next` goes on from there."
        ),
    ] = None


class Delivery(Struct):
    """How one listener stands to an event."""

    listener: str
    mode: Literal["sync", "async"]
    state: Annotated[
        str, Meta(description="`handled`, `pending`, `retrying`, `dead` or `skipped`.")
    ]
    error: str | None = None
    attempts: int = 0
    at: Annotated[str | None, Meta(description="When its last attempt failed.")] = None
    due: Annotated[str | None, Meta(description="When it is tried again.")] = None
    replay: Annotated[
        int | None, Meta(description="The replay that has the event still before it.")
    ] = None


class EventDetail(Struct):
    """One event and its deliveries, by listener."""

    event: CloudEvent
    deliveries: list[Delivery]


class TestedListener(Struct, omit_defaults=True):
    """A listener's part in the self-test; `ms` is known of sync ones."""

    __test__ = False

    listener: str
    mode: str
    state: str
    ms: float | None = None
    error: str | None = None


class StageReport(Struct, omit_defaults=True):
    """One stage: `accepted`, `logged` (at `offset`), `handled` (by `listeners`), `recorded`."""

    stage: str
    ok: bool
    ms: Annotated[float, Meta(description="Milliseconds that the stage took.")]
    offset: int | None = None
    listeners: list[TestedListener] | None = None
    error: str | None = None


class SelfTestReport(Struct):
    """The stages in their order; those after a failed one did not run."""

    ok: bool
    id: str | None
    stages: list[StageReport]


class Listener(Struct):
    """A listener as operators see it; rates are per second over the last minute."""

    name: str
    patterns: list[str]
    mode: Literal["sync", "async"]
    priority: int
    filter: str | None
    timeout: Annotated[float, Meta(description="Seconds a call may take.")]
    batch: Annotated[int, Meta(description="Events handed over at once; 0 for one by one.")]
    state: Annotated[
        str,
        Meta(
            description="`running`, `paused`, `stopped`, `removed`, `failed`, `elsewhere` or "
            "`unserved`."
        ),
    ]
    handled: Annotated[int, Meta(description="Events handled since the node started.")]
    errors: int
    rate: float
    error_rate: float
    lag: Annotated[int, Meta(description="Events not handled yet.")]
    cursors: Annotated[
        dict[str, int], Meta(description="By lane: the offset up to which all is handled.")
    ]
    last_error: str | None
    retrying: Annotated[int, Meta(description="Failed events that are tried again.")]
    dead: Annotated[int, Meta(description="Dead letters.")]
    paused_until: Annotated[str | None, Meta(description="When an operator's pause ends.")]


class Listeners(Struct):
    """All listeners by name."""

    listeners: list[Listener]


class Replay(Struct):
    """Stored events on their way to a listener once more."""

    id: Annotated[int, Meta(description="Its number.")]
    listener: str
    mode: Literal["all", "missed"]
    state: Annotated[
        Literal["running", "waiting", "done", "cancelled"],
        Meta(description="`waiting` while the listener is paused, stopped or not loaded."),
    ]
    from_offset: _Offset
    until_offset: Annotated[int, Meta(description="The last offset that it goes to.")]
    offset: Annotated[int, Meta(description="Everything up to there is done.")]
    progress: Annotated[float, Meta(description="The part of the way that is done, 0 to 1.")]
    handled: Annotated[int, Meta(description="Events given to the listener.")]
    failed: Annotated[int, Meta(description="How many of them failed.")]
    rate: Annotated[float, Meta(description="Events per second over the last minute.")]
    rate_limit: Annotated[float | None, Meta(description="Its most.")]
    started_at: _Time
    ended_at: str | None
    estimated_end: Annotated[str | None, Meta(description="When it will probably be done.")]
    detail: Annotated[str | None, Meta(description="What else there is to know.")]


class Replays(Struct):
    """A listener's replays, the newest first."""

    replays: list[Replay]


class Subject(Struct):
    """Where a subject stands."""

    subject: str
    last_offset: Annotated[int, Meta(description="Of its last stored event; 0 where it has none.")]


class DeadLetter(Struct, omit_defaults=True):
    """A failed delivery of an event to a listener."""

    listener: str
    offset: _Offset
    type: Annotated[str, Meta(description="The event's type.")]
    state: Literal["dead", "retrying", "blocking"]
    attempts: Annotated[int, Meta(description="Attempts so far.")]
    error: str
    first_failed_at: _Time
    last_failed_at: _Time
    died_at: Annotated[str | None, Meta(description="When it became a dead letter.")] = None
    due: Annotated[str | None, Meta(description="When it is tried again.")] = None
    traceback: Annotated[str | None, Meta(description="The end of the traceback.")] = None


class DeadLetterPage(Struct):
    """Failed deliveries in the order asked for; a page may be short though others follow."""

    dead_letters: list[DeadLetter]
    next: Annotated[str | None, Meta(description="Cursor of the next page; null at the end.")]


class DeadLetterDetail(Struct):
    """A failed delivery with its event, which is null where retention has deleted it."""

    dead_letter: DeadLetter
    event: CloudEvent | None


class DeadLetterCount(Struct):
    """How many dead letters were meant, and whether anything was done with them."""

    count: int
    done: bool


class Health(Struct):
    """The node and its components; `status` is the worst of them."""

    status: State
    timestamp: Annotated[str, Meta(description="RFC 3339, UTC.")]
    components: dict[str, State]
    reasons: Annotated[
        dict[str, str] | UnsetType,
        Meta(description="Why, of components that are not well, as far as it can be said."),
    ] = UNSET


class CacheStatus(Struct):
    """What this node's cache holds and has found since the start."""

    entries: Annotated[int, Meta(description="Values in memory.")]
    size_bytes: Annotated[int, Meta(description="What they take.")]
    memory_hits: int
    redis_hits: int
    misses: Annotated[int, Meta(description="Look-ups that had to load, or to wait for it.")]
    hit_rate: Annotated[float, Meta(description="In percent; 100 where nobody has asked.")]
    load_errors: int
    attached: Annotated[
        bool, Meta(description="False while invalidations of other nodes are not heard.")
    ]


class Life(Struct):
    """The process answers."""

    status: Literal["ok"]
