"""Of a node that takes no more for now."""

from __future__ import annotations

from event_system.kernel.errors.root import EventSystemError, UnavailableError
from event_system.kernel.quota import Standing


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
