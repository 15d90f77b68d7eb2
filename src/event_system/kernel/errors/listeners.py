"""Of listeners: how they are declared, called, replayed, and what they fail at."""

from __future__ import annotations

from event_system.kernel.errors.root import EventSystemError


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


class WorkerEndedError(EventSystemError):
    """A worker process ended while a handler ran in it; the event is tried again."""

    code = "worker.ended"
    title = "The worker process ended while the handler ran"
    remedy = (
        "The node's log says how it ended. SIGKILL is often a want of memory, SIGSEGV a fault in a "
        "library; mend what the handler of the event does."
    )


class WorkerStartError(EventSystemError):
    """Worker processes do not come to take calls; the events of their listeners wait."""

    code = "worker.start"
    title = "A worker process does not start"
    remedy = "Mend what the log and standard error name; it is tried again every few seconds."


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
