"""What becomes of a delivery whose attempt has failed: parked, blocking or dead. Pure."""

from __future__ import annotations

import msgspec

from event_system.delivery.calls import describe, trace
from event_system.delivery.ports import BLOCKING, DEAD, RETRYING, Failure
from event_system.events.event import Event
from event_system.events.listener import OnFailure
from event_system.events.retry import Retry, next_delay

ENDED = "the process ended while the handler ran"
"""Error of an attempt that the end of the process cut off."""


class Policy(msgspec.Struct, frozen=True):
    """How a listener's failures are treated now, and the die that is cast for the next pause."""

    listener: str
    retry: Retry
    on_failure: OnFailure
    u: float


class Fault(msgspec.Struct, frozen=True):
    """What went wrong in one attempt, and when."""

    error: str
    traceback: str
    at_us: int


def is_suspect(failure: Failure | None) -> bool:
    """Whether it may end the process again that handles it: the last attempt was cut off so."""
    return failure is not None and failure.error == ENDED


def fault_of(error: BaseException, at_us: int) -> Fault:
    return Fault(describe(error), trace(error), at_us)


def judge(event: Event, fault: Fault, attempts: int, policy: Policy) -> Failure:
    """The failure after `attempts` attempts, this one included."""
    state, at_us = DEAD, fault.at_us
    if attempts < policy.retry.attempts:
        state = BLOCKING if policy.on_failure == "block" else RETRYING
        at_us += int(next_delay(policy.retry, attempts, policy.u) * 1e6)
    return Failure(
        listener=policy.listener,
        offset=event.offset,
        lane=event.lane,
        type=event.type,
        state=state,
        attempts=attempts,
        at_us=at_us,
        error=fault.error,
        traceback=fault.traceback,
        first_us=fault.at_us,
        last_us=fault.at_us,
    )


def cut_off(
    event: Event, fault: Fault, attempts: int, policy: Policy, *, parked: bool = False
) -> Failure:
    """The failure after `attempts` attempts, the last of which the end of a process cut off.

    After the first one the event is handled again at once and, unless it was `parked`, in its
    order, whatever the policy: most likely it had no part in that end.
    """
    failure = judge(event, fault, attempts, policy)
    if attempts == 1 and failure.state != DEAD:
        state = RETRYING if parked else BLOCKING
        return msgspec.structs.replace(failure, state=state, at_us=fault.at_us)
    return failure
