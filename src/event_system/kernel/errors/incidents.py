"""Of incidents, postmortems and the links in pages."""

from __future__ import annotations

from event_system.kernel.errors.root import EventSystemError


class InvalidIncidentError(EventSystemError):
    """What is asked of an incident, a postmortem or an action item cannot be used as it stands."""

    code = "incident.invalid"
    title = "Invalid request about an incident"
    status = 400
    remedy = "Mend the member that `where` names; docs/incidents.md shows every request."


class IncidentNotFoundError(EventSystemError):
    """There is no such incident, or its retention is over."""

    code = "incident.not_found"
    title = "No such incident"
    status = 404
    remedy = "`event-system incidents list --state all` shows those that are kept."


class IncidentTransitionError(EventSystemError):
    """The incident's state does not allow this; nothing was changed."""

    code = "incident.transition"
    title = "The incident's state does not allow this"
    status = 409
    remedy = "Look at the incident; docs/incidents.md has the table of what may follow what."


class IncidentChangedError(EventSystemError):
    """The incident is not the version that the caller has seen; nothing was changed."""

    code = "incident.changed"
    title = "The incident was changed meanwhile"
    status = 412
    remedy = "Read it again, and repeat the change with its new version if it still fits."


class IncidentFullError(EventSystemError):
    """The incident's timeline, or a postmortem, holds as much as it may."""

    code = "incident.full"
    title = "The incident holds as much as it may"
    status = 409
    remedy = "Write into the postmortem, or into another incident."


class TooManyIncidentsError(EventSystemError):
    """As many incidents are open as may be."""

    code = "incident.limit"
    title = "Too many open incidents"
    status = 503
    remedy = "Resolve or merge some; look for a label that keeps alerts from being correlated."


class IncidentsDisabledError(EventSystemError):
    """The node keeps no incidents."""

    code = "incident.disabled"
    title = "Incidents are switched off"
    status = 404
    remedy = "Set `incidents.enabled`, and ask again."


class PostmortemNotFoundError(EventSystemError):
    """The incident has no postmortem, or the postmortem no such action item."""

    code = "postmortem.not_found"
    title = "No such postmortem"
    status = 404
    remedy = "`event-system postmortems start INCIDENT` begins one."


class InvalidLinkError(EventSystemError):
    """A link of a notification was not made by this installation, is over or was used."""

    code = "incident.link"
    title = "The link cannot be used"
    status = 403
    remedy = "Take the link of a newer notification, or act by API, console or command line."


class LinkLimitError(EventSystemError):
    """Links of notifications are asked for too fast.

    `wait_seconds` is how long to wait.
    """

    code = "incident.link_limit"
    title = "Too many requests for links"
    status = 429
    remedy = "Try again after the seconds in Retry-After."

    def __init__(
        self, detail: str = "", *, where: str | None = None, wait_seconds: float = 0.0
    ) -> None:
        super().__init__(detail, where=where)
        self.wait_seconds = wait_seconds
