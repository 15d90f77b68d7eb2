"""Of schedules and of events that are held until their time."""

from __future__ import annotations

from event_system.kernel.errors.root import EventSystemError


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


class ScheduleConflictError(EventSystemError):
    """The schedule was changed over another node before this change, which was not made."""

    code = "schedule.conflict"
    title = "The schedule was changed over another node"
    status = 409
    remedy = "Look at it again, which shows that change by now, and repeat yours if it still fits."


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
