"""Of events that are sent: one, several, again, on a condition; and of what is asked of them."""

from __future__ import annotations

from typing import Any

from event_system.kernel.errors.root import EventSystemError


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


class EventNotFoundError(EventSystemError):
    """No stored event has this id."""

    code = "event.not_found"
    title = "No such event"
    status = 404
    remedy = "Check the id, and add `source` where two sources use the same id."
