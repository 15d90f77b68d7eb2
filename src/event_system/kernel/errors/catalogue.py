"""Of the catalogue of event types."""

from __future__ import annotations

from event_system.kernel.errors.root import EventSystemError


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


class TypeConflictError(EventSystemError):
    """The event type was changed over another node before this change, which was not made."""

    code = "type.conflict"
    title = "The event type was changed over another node"
    status = 409
    remedy = "Look at it again, which shows that change by now, and repeat yours if it still fits."


class TypeLimitError(EventSystemError):
    """The catalogue holds as many event types, versions or bytes as it may."""

    code = "type.limit"
    title = "The catalogue of event types is full"
    status = 409
    remedy = "Delete event types that nobody sends."
