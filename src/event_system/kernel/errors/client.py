"""Of those who use a node: the client, imports and exports."""

from __future__ import annotations

from event_system.kernel.errors.root import EventSystemError


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
