"""Of who is on call."""

from __future__ import annotations

from event_system.kernel.errors.root import ConfigurationError, EventSystemError, UnavailableError


class OnCallNotFoundError(EventSystemError):
    """The settings name no such schedule, person or calendar."""

    code = "on_call.not_found"
    title = "No such schedule, person or calendar"
    status = 404
    remedy = "`GET /api/on-call` lists those of the settings `on_call`; docs/on-call.md says more."


class InvalidOverrideError(EventSystemError):
    """An override cannot hold as it stands."""

    code = "on_call.override"
    title = "Invalid override"
    status = 400
    remedy = "Mend the member that `where` names; docs/on-call.md shows an override."


class OverrideNotFoundError(EventSystemError):
    """There is no override with this id."""

    code = "on_call.override_not_found"
    title = "No such override"
    status = 404
    remedy = "`event-system on-call override list` shows those that there are."


class OverridePastError(EventSystemError):
    """What an override has already been cannot be changed."""

    code = "on_call.override_past"
    title = "The override has begun or is over"
    status = 409
    remedy = "End it, or make another from now on."


class OverrideLimitError(EventSystemError):
    """As many overrides are kept as may be."""

    code = "on_call.override_limit"
    title = "Too many overrides"
    status = 409
    remedy = "Delete overrides that are to come; those that are long over are forgotten."


class CalendarFileError(EventSystemError):
    """An iCalendar text cannot be read, or not be used for what it was given for."""

    code = "on_call.icalendar"
    title = "The iCalendar text cannot be used"
    status = 400
    remedy = "Mend what the detail names; docs/on-call.md says what is read."


class MissingHolidaysError(ConfigurationError):
    """The library of public holidays is not installed."""

    code = "on_call.holidays"
    title = "Public holidays are not installed"
    remedy = "Run the `pip install` line that the detail names, or list `holidays` by their dates."


class OnCallOffError(UnavailableError):
    """The node does not know who is on call: another one looks after that."""

    code = "on_call.off"
    title = "This node does not say who is on call"
    remedy = (
        "Ask a node with the role `ops`; in a cluster it is the one with the task `operations`."
    )
