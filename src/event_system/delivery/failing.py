"""What a listener's failed deliveries come to, where they happen: in the lane."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from event_system.delivery.lane import Lane
from event_system.delivery.ports import BLOCKING, DEAD, Failure
from event_system.delivery.statistics import Statistics
from event_system.delivery.verdicts import ENDED, Fault, Policy, cut_off, fault_of, judge
from event_system.events.event import Event
from event_system.events.registry import Registered
from event_system.events.retry import Retry
from event_system.kernel.errors import WorkerEndedError

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """The listener's subscription, as far as failures concern it."""

    statistics: Statistics

    @property
    def entry(self) -> Registered:
        """The listener with its settings of now."""


class RetrySettings(Protocol):
    """The retry policy of listeners that have none of their own."""

    retry: Retry


class Desk(Protocol):
    """What deciding on failures needs. `random()` is even between 0 and 1."""

    @property
    def settings(self) -> RetrySettings: ...
    @property
    def now_us(self) -> Callable[[], int]: ...
    @property
    def random(self) -> Callable[[], float]: ...


class Failing:
    """Decides on the failed deliveries of one listener."""

    def __init__(self, owner: Owner, desk: Desk) -> None:
        self._owner = owner
        self._desk = desk

    def rests(self, lane: Lane, event: Event) -> bool:
        """Whether an event that may have failed is to be passed, or (`lane.due_us`) waited for."""
        failure = lane.failed.get(event.offset)
        if failure is None:
            return False
        if failure.state != BLOCKING:
            del lane.failed[event.offset]
            return True
        if failure.at_us > self._desk.now_us():
            lane.due_us = failure.at_us
        return lane.due_us > 0

    def pause(self, lane: Lane) -> float:
        """Seconds until the lane's first event is due: its own pause, even if the clock is set."""
        failure = lane.failed[lane.channel[0].offset]
        left_us = failure.at_us - max(self._desk.now_us(), failure.last_us)
        return max(0, left_us) / 1e6

    def take_up(self, lane: Lane) -> None:
        """The lane has waited for its first event, which has failed: it is due, by any clock."""
        offset = lane.channel[0].offset
        lane.failed[offset] = msgspec.structs.replace(lane.failed[offset], at_us=0)
        lane.timer, lane.due_us = None, 0

    def outcome(self, lane: Lane, event: Event, error: BaseException) -> Failure:
        """What a failed attempt in the lane comes to; the lane may have to wait."""
        before = lane.failed.pop(event.offset, None)
        failure = self.fail(event, error, before.attempts if before is not None else 0)
        if failure.state == BLOCKING:
            lane.failed[event.offset] = failure
            lane.due_us = failure.at_us
        return failure

    def fail(
        self, event: Event, error: BaseException, attempts: int, *, parked: bool = False
    ) -> Failure:
        """Tell of a failed attempt, the first after `attempts` others; what it comes to."""
        fault = fault_of(error, self._desk.now_us())
        self._owner.statistics.last_error = fault.error
        name = self._owner.entry.listener.name
        context = {"listener": name, "eventId": event.id, "offset": event.offset}
        _log.error("a listener failed: %s", fault.error, extra={"context": context})
        if isinstance(error, WorkerEndedError):
            return self._interrupted(event, fault, attempts, parked=parked)
        return self._counted(judge(event, fault, attempts + 1, self._policy(parked=parked)))

    def cut_off(self, event: Event, attempts: int, *, parked: bool = False) -> Failure:
        """What it comes to that the end of the process cut an attempt off."""
        fault = Fault(ENDED, "", self._desk.now_us())
        return self._interrupted(event, fault, attempts, parked=parked)

    def _interrupted(self, event: Event, fault: Fault, attempts: int, *, parked: bool) -> Failure:
        policy = self._policy(parked=parked)
        self._owner.statistics.interrupted += 1
        return self._counted(cut_off(event, fault, attempts + 1, policy, parked=parked))

    def _policy(self, *, parked: bool) -> Policy:
        """What is parked never blocks."""
        listener, desk = self._owner.entry.listener, self._desk
        retry = listener.retry or desk.settings.retry
        on_failure = "park" if parked else listener.on_failure
        return Policy(listener.name, retry, on_failure, desk.random())

    def _counted(self, failure: Failure) -> Failure:
        self._owner.statistics.dead += failure.state == DEAD
        return failure
