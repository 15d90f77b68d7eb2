"""The whole error tree on one page.

Every error that can reach a user has a class here, with a stable `code`, a `title` that never
changes, the HTTP `status` that it is answered with, and a `remedy`: how to mend it. The
`detail` says what and where in this one case.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from event_system.kernel.quota import Standing


class EventSystemError(Exception):
    """Something that event-system refuses or cannot do.

    `faults` are single things at fault where there are several, as JSON objects.
    """

    code: ClassVar[str] = "internal.error"
    title: ClassVar[str] = "Internal error"
    status: ClassVar[int] = 500
    remedy: ClassVar[str] = "Look at the node's log; the trace id of the answer finds the line."

    def __init__(self, detail: str = "", *, where: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.where = where
        self.faults: tuple[Any, ...] = ()


class InvalidEventError(EventSystemError):
    """The event cannot be accepted as it stands."""

    code = "event.invalid"
    title = "Invalid event"
    status = 400
    remedy = "Mend the field that `where` names; docs/http-api.md shows every form."


class MalformedBodyError(InvalidEventError):
    """The body is not what its content type says."""

    code = "event.malformed"
    title = "Malformed body"
    remedy = "Send UTF-8 JSON in one of the forms of docs/http-api.md."


class UnsupportedMediaTypeError(InvalidEventError):
    """The content type is none that this route reads."""

    code = "request.media_type"
    title = "Unsupported media type"
    status = 415
    remedy = "Use application/json, application/cloudevents+json or CloudEvents binary mode."


class UnsupportedEncodingError(EventSystemError):
    """The body has a content encoding that the node does not unpack."""

    code = "request.encoding"
    title = "Unsupported content encoding"
    status = 415
    remedy = (
        "Send the events plain, or as one of gzip, br and zstd; other routes take plain bodies."
    )


class MalformedEncodingError(EventSystemError):
    """The body cannot be unpacked: it is not what its `Content-Encoding` says, or not whole."""

    code = "request.malformed_encoding"
    title = "The body cannot be unpacked"
    status = 400
    remedy = "Check what packs the body, and whether all of it was sent."


class EventTooLargeError(InvalidEventError):
    """One event is larger than `event.max_event_size`."""

    code = "event.too_large"
    title = "Event too large"
    status = 413
    remedy = "Send less, or raise `event.max_event_size`."


class SchemaMismatchError(InvalidEventError):
    """The event's data does not fit the schema of its type, and the type is strict."""

    code = "event.schema_mismatch"
    title = "The data does not fit its type's schema"
    remedy = "Mend the members that `faults` names; `event-system types show TYPE` has the schema."


class UnknownTypeError(InvalidEventError):
    """The type is not in the catalogue, and `event.unknown_types` is `refuse`."""

    code = "event.type_unknown"
    title = "Unknown event type"
    remedy = "Check the spelling, or add the type: `event-system types set TYPE`."


class DisabledTypeError(InvalidEventError):
    """The catalogue has switched this type off."""

    code = "event.type_disabled"
    title = "The event type is switched off"
    status = 403
    remedy = "Stop sending it, or switch it on: `event-system types set TYPE --enabled`."


class InvalidTypeError(EventSystemError):
    """An entry of the catalogue of event types, or its schema, cannot be used."""

    code = "type.invalid"
    title = "Invalid event type"
    status = 400
    remedy = "Mend the member that `where` names; docs/http-api.md shows an entry."


class TypeNotFoundError(EventSystemError):
    """The catalogue has no such event type, or the type no such version."""

    code = "type.not_found"
    title = "No such event type"
    status = 404
    remedy = "`event-system types list` shows the names."


class ReadOnlyTypeError(EventSystemError):
    """The event type is declared in a file or in code, and cannot be changed over the API."""

    code = "type.read_only"
    title = "The event type is declared in a file"
    status = 409
    remedy = "Change the file that `where` names, and reload."


class IncompatibleSchemaError(EventSystemError):
    """A new schema may refuse data that the current one accepts."""

    code = "type.incompatible"
    title = "The new schema is not compatible with the current one"
    status = 409
    remedy = "Mend what `faults` lists, or force it (`?force=true`, `--force`) if you mean it."


class TypeChangedError(EventSystemError):
    """The event type is not what `If-Match` expects it to be."""

    code = "type.changed"
    title = "The event type was changed meanwhile"
    status = 412
    remedy = "Read it again, and repeat the change with its new ETag."


class TypeLimitError(EventSystemError):
    """The catalogue holds as many event types, versions or bytes as it may."""

    code = "type.limit"
    title = "The catalogue of event types is full"
    status = 409
    remedy = "Delete event types that nobody sends."


class BodyTooLargeError(EventSystemError):
    """The request body is larger than `server.max_body_size`."""

    code = "request.too_large"
    title = "Request body too large"
    status = 413
    remedy = "Send smaller batches, or raise `server.max_body_size`."


class HeadersTooLargeError(EventSystemError):
    """The request line and headers are larger than any client needs."""

    code = "request.headers_too_large"
    title = "Request headers too large"
    status = 431
    remedy = "Send fewer or shorter headers."


class MalformedRequestError(EventSystemError):
    """The bytes are no HTTP/1.1 request."""

    code = "request.malformed"
    title = "Malformed HTTP request"
    status = 400
    remedy = "Send HTTP/1.1; look at what a proxy between makes of the request."


class RequestTimeoutError(EventSystemError):
    """The request did not arrive within `server.header_timeout` or `server.body_timeout`."""

    code = "request.timeout"
    title = "The request took too long to arrive"
    status = 408
    remedy = "Send the request in one go, or raise the timeout."


class BatchTooLargeError(EventSystemError):
    """The batch holds more events than `event.max_batch_events`."""

    code = "batch.too_large"
    title = "Too many events in one batch"
    status = 413
    remedy = "Send smaller batches, or raise `event.max_batch_events`."


class InvalidBatchError(InvalidEventError):
    """Some events of a batch are invalid, so none was stored."""

    code = "batch.invalid"
    title = "Invalid events in the batch; nothing was stored"
    remedy = "Mend the events that `faults` lists, or send `?partial=true` to store the others."

    def __init__(
        self, detail: str = "", *, where: str | None = None, faults: tuple[Any, ...] = ()
    ) -> None:
        super().__init__(detail, where=where)
        self.faults = faults
        """As the client reads them: `index`, `code`, `detail`, `where`."""


class IdempotencyKeyError(EventSystemError):
    """The `Idempotency-Key` cannot be one."""

    code = "idempotency.key"
    title = "Invalid Idempotency-Key"
    status = 400
    remedy = "Send one key of 1 to 255 printable ASCII characters, plain or in double quotes."


class IdempotencyConflictError(EventSystemError):
    """Another event was stored under this `Idempotency-Key`; this one was not."""

    code = "idempotency.conflict"
    title = "The Idempotency-Key was used for another event"
    status = 422
    remedy = "Send a retry unchanged, and every new event with a new key."


class PreconditionError(EventSystemError):
    """The precondition makes no sense as it stands."""

    code = "precondition.invalid"
    title = "Invalid precondition"
    status = 400
    remedy = (
        'Send one event with a subject and either `If-Match: "<offset>"` or `If-None-Match: *`.'
    )


class PreconditionFailedError(EventSystemError):
    """The subject has another last event than the sender expected; nothing was stored.

    `last_offset` is where its last event stands, 0 where it has none; None is not known.
    """

    code = "precondition.failed"
    title = "The subject has changed"
    status = 412
    remedy = "Look at the events up to `last_offset`, decide again, and send that offset."

    def __init__(
        self, detail: str = "", *, where: str | None = None, last_offset: int | None = None
    ) -> None:
        super().__init__(detail, where=where)
        self.last_offset = last_offset


class InvalidQueryError(EventSystemError):
    """A query parameter has a value that it cannot have."""

    code = "query.invalid"
    title = "Invalid query"
    status = 400
    remedy = "Mend the parameter that `where` names; /docs lists them."


class InvalidRequestError(EventSystemError):
    """The request's body is no JSON of the form that this route takes."""

    code = "request.invalid"
    title = "Invalid request body"
    status = 400
    remedy = "Mend the member that `where` names; /docs shows the form."


class SlowQueryError(EventSystemError):
    """A search of the stored events took longer than it may."""

    code = "query.timeout"
    title = "The search took too long"
    status = 503
    remedy = "Name a type, a subject or a source, or a shorter time; or try again later."


class DeadLetterNotFoundError(EventSystemError):
    """No delivery of this event to this listener has failed."""

    code = "dead_letter.not_found"
    title = "No such dead letter"
    status = 404
    remedy = (
        "`event-system dead-letters list` shows them; it may be requeued, handled or discarded."
    )


class CountChangedError(EventSystemError):
    """There are not as many dead letters as the caller expects; nothing was done."""

    code = "dead_letter.count"
    title = "The number of dead letters has changed"
    status = 409
    remedy = "Look at them again, and send the new number as `expect`."


class EventNotFoundError(EventSystemError):
    """No stored event has this id."""

    code = "event.not_found"
    title = "No such event"
    status = 404
    remedy = "Check the id, and add `source` where two sources use the same id."


class InvalidScheduleError(EventSystemError):
    """A schedule's definition cannot work."""

    code = "schedule.invalid"
    title = "Invalid schedule"
    status = 400
    remedy = "Mend the member that `where` names; docs/http-api.md lists them."


class ScheduleNotFoundError(EventSystemError):
    """No schedule has this name."""

    code = "schedule.not_found"
    title = "No such schedule"
    status = 404
    remedy = "`event-system schedules list` shows the names."


class TooManySchedulesError(EventSystemError):
    """The node keeps as many schedules as it may."""

    code = "schedule.limit"
    title = "Too many schedules"
    status = 409
    remedy = "Delete schedules that are not needed; events with `deliver_at` have no such limit."


class ScheduledEventNotFoundError(EventSystemError):
    """No event with this id waits for its time."""

    code = "scheduled.not_found"
    title = "No such scheduled event"
    status = 404
    remedy = "`event-system scheduled list` shows those that wait; a fired one is in the history."


class ListenerNotFoundError(EventSystemError):
    """No listener of this name is known."""

    code = "listener.not_found"
    title = "No such listener"
    status = 404
    remedy = "`event-system listeners list` shows the names."


class SyncListenerError(EventSystemError):
    """A sync listener has no cursor, so it cannot be paused or shown the past."""

    code = "listener.sync"
    title = "The listener is a sync one"
    status = 409
    remedy = "Only async listeners can; `listeners.overrides.NAME.enabled: false` stops a sync one."


class ListenerLoadedError(EventSystemError):
    """A listener that is loaded cannot be purged."""

    code = "listener.loaded"
    title = "The listener is still loaded"
    status = 409
    remedy = "Take it out of the node's listener modules, restart the node, then purge it."


class ReplayNotFoundError(EventSystemError):
    """The listener has no replay of this number."""

    code = "replay.not_found"
    title = "No such replay"
    status = 404
    remedy = "`event-system replays list LISTENER` shows them; the newest 100 are kept."


class ReplayRunningError(EventSystemError):
    """A listener has one replay at a time, and it is still under way."""

    code = "replay.running"
    title = "A replay is under way"
    status = 409
    remedy = "Wait until it is done, or cancel it: `event-system replays cancel LISTENER ID`."


class RouteNotFoundError(EventSystemError):
    """Nothing is served at this path."""

    code = "request.not_found"
    title = "Not found"
    status = 404
    remedy = "See /docs for the routes."


class MethodNotAllowedError(EventSystemError):
    """The path exists, but not with this method."""

    code = "request.method"
    title = "Method not allowed"
    status = 405
    remedy = "See /docs for the routes and their methods."


class UnauthorizedError(EventSystemError):
    """No key was sent, or one that is not known."""

    code = "auth.required"
    title = "A valid API key is required"
    status = 401
    remedy = "Send `Authorization: Bearer <key>`; `event-system keys create` makes one."


class ProbeDisabledError(EventSystemError):
    """`GET /api/events/trigger` is switched off."""

    code = "probe.disabled"
    title = "The probe route is switched off"
    status = 403
    remedy = "Use POST, or set `server.probe_route: true`."


class TooManyStreamsError(EventSystemError):
    """The node serves as many live streams as it may."""

    code = "stream.limit"
    title = "Too many live streams"
    status = 503
    remedy = "Close a stream, or try again in a few seconds."


class RateLimitedError(EventSystemError):
    """The key, the source or the type sends more than its limit allows; nothing was stored.

    `standing` says how long to wait.
    """

    code = "rate.limited"
    title = "Too many events"
    status = 429
    remedy = "Try again after the seconds in Retry-After, or raise the limit that `where` names."

    def __init__(
        self, detail: str = "", *, where: str | None = None, standing: Standing | None = None
    ) -> None:
        super().__init__(detail, where=where)
        self.standing = standing


class UnavailableError(EventSystemError):
    """The node cannot take events now."""

    code = "node.unavailable"
    title = "The node cannot take events now"
    status = 503
    remedy = "Try again after the seconds in Retry-After; /health names the cause."


class BacklogFullError(UnavailableError):
    """A listener is `event.max_backlog` events behind; nothing was stored."""

    code = "backlog.full"
    title = "The listeners are too far behind"
    remedy = (
        "Try again after the seconds in Retry-After; `event-system listeners list` shows who is "
        "behind: mend, pause or speed it up, or raise `event.max_backlog`."
    )


class BusyError(UnavailableError):
    """The node answers as many requests, or holds as many bytes of them, as it may."""

    code = "server.busy"
    title = "Too many requests at once"
    remedy = (
        "Try again after the seconds in Retry-After, or raise `server.max_in_flight` or "
        "`server.max_in_flight_bytes`."
    )


class TooManyConnectionsError(UnavailableError):
    """As many clients are connected as may be; those that come are turned away."""

    code = "server.connections"
    title = "Too many connections"
    remedy = (
        "Close connections that are not used, or let clients share them; then raise "
        "`server.max_connections`, and the limit on file handles (`ulimit -n`, LimitNOFILE)."
    )


class FileHandlesError(UnavailableError):
    """The process may open no more files and connections."""

    code = "server.file_handles"
    title = "No file handles are left"
    remedy = (
        "Raise the limit on file handles (`ulimit -n`, LimitNOFILE) and start again; "
        "`ls /proc/PID/fd` shows who holds them: `server.max_connections` bounds the clients, "
        "listeners may hold connections of their own."
    )


class UnfairShareError(UnavailableError):
    """The node is busy, and this source has more requests under way than its fair share."""

    code = "server.share"
    title = "Too many requests of this source at once"
    remedy = "Send less at once: batches, fewer connections; try again after Retry-After."


class StoppingError(UnavailableError):
    """The node is shutting down and takes no more work."""

    code = "node.stopping"
    title = "The node is stopping"


class StorageError(UnavailableError):
    """The store refused the write; nothing was stored."""

    code = "storage.failed"
    title = "The store could not write"
    remedy = "Look at the disk (space, permissions, health); the node's log has the cause."


class UnknownOutcomeError(StorageError):
    """The connection was lost while the commit was on its way: it may have been made."""

    code = "storage.unknown"
    title = "Whether it was stored is not known"
    remedy = "Send it again with the same id and source: it is stored once."


class DataDirectoryError(EventSystemError):
    """The data directory cannot be used."""

    code = "storage.data_dir"
    title = "The data directory cannot be used"
    remedy = "Give another --data-dir, or mend the one that the detail names."


class ForeignFileError(EventSystemError):
    """A file of the data directory was made beside another log: its offsets mean other events."""

    code = "storage.foreign"
    title = "A file of the data directory belongs to another log"
    remedy = (
        "Bring back the file that belongs to this `events.db`; or move it away, and what it keeps "
        "of listeners starts as new."
    )


class DamagedFileError(EventSystemError):
    """A file of the data directory is torn or overwritten."""

    code = "storage.damaged"
    title = "A file of the data directory is damaged"
    remedy = (
        "Keep a copy of the whole data directory, do what the detail says, and look at the rest "
        "with `event-system db check`."
    )


class LogBehindError(EventSystemError):
    """Listeners have come further than the log reaches: events of the log are missing."""

    code = "storage.log_behind"
    title = "The log is older than the listeners' state"
    remedy = (
        "Bring back the newest `events.db`; or, where those events are lost for good, move "
        "`state.db` and `listeners/` away, and the listeners start as new ones."
    )


class ListenerDefinitionError(EventSystemError):
    """A listener is declared in a way that cannot work."""

    code = "listener.invalid"
    title = "Invalid listener"
    remedy = "Mend the declaration that the detail names; docs/python-api.md has examples."


class InvalidPatternError(ListenerDefinitionError):
    """An event type pattern is malformed."""

    code = "pattern.invalid"
    title = "Invalid event type pattern"
    status = 400
    remedy = "Segments of letters, digits, `_` and `-`, joined by dots; `*` is one, `>` the rest."


class InvalidFilterError(ListenerDefinitionError):
    """A listener's CEL filter does not compile to a boolean."""

    code = "filter.invalid"
    title = "Invalid filter"
    status = 400
    remedy = "Write a CEL expression over `event` that yields true or false."


class ConfigurationError(EventSystemError):
    """The configuration has faults; the old one, if any, stays in force.

    `files` are the paths of all that were read: who waits for a mended one looks at these.
    """

    code = "config.invalid"
    title = "Invalid configuration"
    remedy = "Mend the lines that the message names; `event-system config check` tells at once."

    def __init__(
        self, detail: str = "", *, where: str | None = None, files: tuple[Path, ...] = ()
    ) -> None:
        super().__init__(detail, where=where)
        self.files = files


class ExposedServerError(ConfigurationError):
    """The node would listen beyond loopback without any API key."""

    code = "server.exposed"
    title = "Refusing to listen beyond this machine without an API key"
    remedy = "`event-system keys create NAME`, or `server.allow_anonymous: true` if you mean it."


class ServerUnreachableError(EventSystemError):
    """The command could not reach a running node."""

    code = "client.unreachable"
    title = "No node answers"
    status = 503
    remedy = "Start one with `event-system serve`, or give its address with --url."


class RefusedError(EventSystemError):
    """The node refuses for a reason that this version of the client does not know."""

    code = "client.refused"
    title = "The node refuses"
    status = 400
    remedy = "Look the code that the detail begins with up in the node's /docs/errors."


class ClientClosedError(EventSystemError):
    """The client was used before it was entered or after it was closed."""

    code = "client.closed"
    title = "The client is closed"
    status = 503
    remedy = "Use it within `async with EventClient(...) as client:`."


class UndeliveredError(EventSystemError):
    """Buffered events had no answer in time; they may be stored or not. `events` are theirs."""

    code = "client.undelivered"
    title = "Events could not be delivered in time"
    status = 503
    remedy = "Send the lines of `events` again, or import them: with their ids that is harmless."

    def __init__(
        self, detail: str = "", *, where: str | None = None, events: tuple[bytes, ...] = ()
    ) -> None:
        super().__init__(detail, where=where)
        self.events = events
        """One line of JSON each, as it was sent."""


class TransferFileError(EventSystemError):
    """A file cannot be exported to or imported from."""

    code = "transfer.file"
    title = "The file cannot be used"
    status = 400
    remedy = "Give another file, or mend what the detail names."


class ImportStoppedError(EventSystemError):
    """A line of an import is no event that the node takes; those before it are stored."""

    code = "transfer.line"
    title = "A line cannot be imported"
    status = 400
    remedy = "Mend the line and run the same command again; `--partial` skips such lines."


class AddressInUseError(EventSystemError):
    """The node cannot listen where it should."""

    code = "server.address"
    title = "The address cannot be had"
    remedy = "Stop what uses the port, or give another `server.port` or `metrics.port`."


class MetricError(EventSystemError):
    """A metric is registered or used in a way that cannot work."""

    code = "metric.invalid"
    title = "Invalid metric"
    remedy = "Mend the name, the labels or the kind that the detail names."


class InvalidDsnError(ConfigurationError):
    """The address of a database cannot be used."""

    code = "database.dsn"
    title = "The address of the database cannot be used"
    remedy = "Mend `database.dsn`; docs/configuration.md shows its forms."


class MissingDriverError(ConfigurationError):
    """The libraries that speak to this kind of database are not installed."""

    code = "database.driver"
    title = "The driver of the database is not installed"
    remedy = "Run the `pip install` line that the detail names."


class DatabaseRefusedError(ConfigurationError):
    """The server answers, but does not let this user into this database, or lacks a right."""

    code = "database.refused"
    title = "The database server refuses"
    remedy = "Check user, password and database of `database.dsn`, and the user's rights."


class DatabaseUnreachableError(StorageError):
    """The database server is away, or too busy, to answer in time."""

    code = "database.unreachable"
    title = "The database server does not answer"
    remedy = "Look at the server and the way to it; the node goes on by itself once it answers."


class DatabaseBusyError(StorageError):
    """No connection came free, or a lock was held too long."""

    code = "database.busy"
    title = "The database is too busy"
    remedy = "Try again after the seconds in Retry-After; `database.pool` bounds the connections."


class DatabaseConflictError(StorageError):
    """The transaction collided with others again and again."""

    code = "database.conflict"
    title = "The transaction collided with others"
    remedy = "Try again after the seconds in Retry-After."


class NewerDatabaseError(EventSystemError):
    """The tables are those of a newer version of event-system."""

    code = "database.newer"
    title = "The database belongs to a newer version"
    remedy = "Run that version, or take the database back with its `event-system db rollback`."


class MigrationError(EventSystemError):
    """The tables could not be brought up to date."""

    code = "database.migration"
    title = "The database could not be migrated"
    remedy = "Mend what the detail names and start again: what is done already stays done."


class LeaseHeldError(EventSystemError):
    """Another node holds what one node at a time may hold."""

    code = "lease.held"
    title = "Another node is at work"
    remedy = "Stop the node that the detail names, or give this one a database of its own."


class LeaseLostError(StorageError):
    """The node no longer holds what it needs to write; another may hold it now."""

    code = "lease.lost"
    title = "The node has lost its lease"
    remedy = "Start the node again; look at the way to the database and at stalls before that."
