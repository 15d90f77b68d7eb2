"""The whole error tree on one page.

Every error that can reach a user has a class here, with a stable `code`, a `title` that never
changes, the HTTP `status` that it is answered with, and a `remedy`: how to mend it. The
`detail` says what and where in this one case.
"""

from __future__ import annotations

from typing import ClassVar


class EventSystemError(Exception):
    """Something that event-system refuses or cannot do."""

    code: ClassVar[str] = "internal.error"
    title: ClassVar[str] = "Internal error"
    status: ClassVar[int] = 500
    remedy: ClassVar[str] = "Look at the node's log; the trace id of the answer finds the line."

    def __init__(self, detail: str = "", *, where: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.where = where


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


class EventTooLargeError(InvalidEventError):
    """One event is larger than `event.max_event_size`."""

    code = "event.too_large"
    title = "Event too large"
    status = 413
    remedy = "Send less, or raise `event.max_event_size`."


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


class InvalidQueryError(EventSystemError):
    """A query parameter has a value that it cannot have."""

    code = "query.invalid"
    title = "Invalid query"
    status = 400
    remedy = "Mend the parameter that `where` names; /docs lists them."


class SlowQueryError(EventSystemError):
    """A search of the stored events took longer than it may."""

    code = "query.timeout"
    title = "The search took too long"
    status = 503
    remedy = "Name a type, a subject or a source, or a shorter time; or try again later."


class EventNotFoundError(EventSystemError):
    """No stored event has this id."""

    code = "event.not_found"
    title = "No such event"
    status = 404
    remedy = "Check the id, and add `source` where two sources use the same id."


class ListenerNotFoundError(EventSystemError):
    """No listener of this name is known."""

    code = "listener.not_found"
    title = "No such listener"
    status = 404
    remedy = "`event-system listeners list` shows the names."


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


class UnavailableError(EventSystemError):
    """The node cannot take events now."""

    code = "node.unavailable"
    title = "The node cannot take events now"
    status = 503
    remedy = "Try again after the seconds in Retry-After; /health names the cause."


class StoppingError(UnavailableError):
    """The node is shutting down and takes no more work."""

    code = "node.stopping"
    title = "The node is stopping"


class StorageError(UnavailableError):
    """The store refused the write; nothing was stored."""

    code = "storage.failed"
    title = "The store could not write"
    remedy = "Look at the disk (space, permissions, health); the node's log has the cause."


class DataDirectoryError(EventSystemError):
    """The data directory cannot be used."""

    code = "storage.data_dir"
    title = "The data directory cannot be used"
    remedy = "Give another --data-dir, or mend the one that the detail names."


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
    """The configuration has faults; the old one, if any, stays in force."""

    code = "config.invalid"
    title = "Invalid configuration"
    remedy = "Mend the lines that the message names; `event-system config check` tells at once."


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
