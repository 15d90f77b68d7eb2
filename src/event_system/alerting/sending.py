"""Notifications over channels: turns, limits, attempts, pauses, and the end of patience."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from event_system.alerting.bundles import bundled
from event_system.alerting.deliveries import Deliveries, Delivery, Status
from event_system.alerting.limits import Gate, RateLimit
from event_system.alerting.notification import Notification
from event_system.alerting.ports import Channel, PartlyTakenError
from event_system.kernel.chance import RandomBytes, fraction
from event_system.kernel.errors import ChannelError, EventSystemError, TemplateError
from event_system.kernel.tasks import settle

AT_ONCE: Final = 8
"""Sends of one channel that may be under way; others wait for their turn."""
ATTEMPT_SECONDS: Final = 30.0
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 60.0
GROWTH: Final = 1.5
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Numbers:
    """What became of sends, by the kind of channel; attempts are counted one by one."""

    sent: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    failed_attempts: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, eq=False)
class Waiting:
    """A notification on its way over `channel`, of which attempts have failed since `failing_since`.

    `until` is the end of patience, `error` what failed last.
    """

    channel: str
    notification: Notification
    until: float
    done: asyncio.Future[None]
    delivery: Delivery | None = None
    error: str = ""
    failing_since: float | None = None


@dataclass(slots=True)
class Integration:
    """A channel of a receiver. `name` is its place there: `webhook[0]`.

    `last_error` is why the last notification that failed did. Where there is a limit, one
    notification goes at a time, and those that wait meanwhile form the next one together. What is
    sent is not in the delivery log without `is_logged`.
    """

    kind: str
    index: int
    send_resolved: bool
    channel: Channel
    last_error: str = ""
    limit: RateLimit | None = None
    is_logged: bool = True
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _gate: Gate = field(init=False)
    _line: list[Waiting] = field(default_factory=list)
    _bringing: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self._gate = Gate(self.limit)

    @property
    def name(self) -> str:
        return f"{self.kind}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Held:
    """A channel that may not be asked for some seconds; `by` "" it is the receiver that wants that.

    What is `waiting` goes as one notification then.
    """

    seconds: float
    by: str
    waiting: Sequence[Notification]


@dataclass(slots=True)
class _Trial:
    """How far one notification is: whom it is left to tell, and what has become of it."""

    pause: float = FIRST_PAUSE_SECONDS
    left: frozenset[str] | None = None
    taken: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    template_error: TemplateError | None = None


class Sender:
    """Sends with patience. `numbers` count what becomes of it, `deliveries` tell it one by one."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        random_bytes: RandomBytes,
        deliveries: Deliveries | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.numbers = Numbers()
        self.deliveries = deliveries
        self._under_way: set[Waiting] = set()
        self._monotonic = monotonic
        self._random_bytes = random_bytes
        self._sleep = sleep

    def held(self, integration: Integration) -> Held | None:
        """Whether a channel is held back now."""
        gate = integration._gate
        seconds = gate.wait_seconds(self._monotonic())
        if not seconds:
            return None
        by = "" if gate.is_asked_to_wait() else str(integration.limit)
        return Held(seconds, by, [each.notification for each in integration._line])

    def failing(self, for_seconds: float) -> set[str]:
        """The channels that have been tried again for so long, as `receiver/webhook[0]`."""
        before = self._monotonic() - for_seconds
        return {
            f"{each.notification.receiver}/{each.channel}"
            for each in self._under_way
            if each.failing_since is not None and each.failing_since <= before
        }

    async def send(
        self, integration: Integration, notification: Notification, patience_seconds: float
    ) -> bool:
        """Whether the channel took it before the patience was over. What fails is logged.

        The time that a limit may hold it back is added to the patience.
        """
        began = self._monotonic()
        patience = patience_seconds + (integration.limit.seconds if integration.limit else 0.0)
        waiting = self._waiting(integration, notification, began + patience)
        self._under_way.add(waiting)
        try:
            async with asyncio.timeout(patience):
                await self._in_turn(integration, waiting)
        except TimeoutError:
            told = waiting.error or "no answer in time"
            self._end(waiting, "expired", told)
            self._failed(integration, notification, told)
            return False
        except Exception as error:  # noqa: BLE001 - other channels and groups go on
            self._end(waiting, "failed", _detail(error))
            self._failed(integration, notification, error)
            return False
        except asyncio.CancelledError:
            self._end(waiting, "failed", "the node, or this configuration, came to its end")
            raise
        finally:
            self._under_way.discard(waiting)
            self.numbers.sent[integration.kind] += 1
            self.numbers.seconds[integration.kind] += self._monotonic() - began  # type: ignore[assignment]
        return True

    def _waiting(
        self, integration: Integration, notification: Notification, until: float
    ) -> Waiting:
        done = asyncio.get_running_loop().create_future()
        log = self.deliveries if integration.is_logged else None
        delivery = None if log is None else log.begin(notification, integration.name)
        return Waiting(integration.name, notification, until, done, delivery)

    async def _in_turn(self, integration: Integration, waiting: Waiting) -> None:
        """Raises what failed in the end."""
        if integration.limit is None:
            async with integration._turns:
                await self._bring(integration, [waiting])
            await waiting.done
            return
        line = integration._line
        line.append(waiting)
        if integration._bringing is None:
            task = asyncio.get_running_loop().create_task(self._bring(integration, line))
            integration._bringing = task
            task.add_done_callback(lambda done: _brought(integration, done))
        try:
            await waiting.done
        finally:
            if waiting in line:
                line.remove(waiting)
            if not line and integration._bringing is not None:
                integration._bringing.cancel()
                integration._bringing = None

    async def _bring(self, integration: Integration, line: list[Waiting]) -> None:
        """All that waits, until nothing does: one by one, but all together after it had to wait."""
        trial, members, was_held = _Trial(), list[Waiting](), False
        while line:
            if wait := integration._gate.wait_seconds(self._monotonic()):
                was_held = True
                await self._sleep(wait)
                continue
            # who is still to be told of these knows nothing of those that have come since
            members = (
                (list(line) if was_held else line[:1])
                if trial.left is None
                else [each for each in members if each in line]
            )
            if not members or await self._tried(integration, members, trial):
                line[:] = [each for each in line if each not in members]
                trial, was_held = _Trial(), False
                continue
            was_held, now = True, self._monotonic()
            pause = max(
                trial.pause * (0.5 + fraction(self._random_bytes)),
                integration._gate.wait_seconds(now),
            )
            for each in [each for each in line if each.until <= now + pause]:
                line.remove(each)
                settle(each.done, TimeoutError())
            trial.pause = min(trial.pause * GROWTH, LONGEST_PAUSE_SECONDS)
            if line:
                await self._sleep(pause)

    async def _tried(
        self, integration: Integration, members: Sequence[Waiting], trial: _Trial
    ) -> bool:
        """One attempt. Whether the members are settled: taken, or never to be."""
        notification = replace(
            bundled([each.notification for each in members]),
            is_brief=trial.template_error is not None,
            recipients=trial.left,
        )
        began = self._monotonic()
        try:
            await self._attempt(integration, notification)
        except TemplateError as error:
            if trial.template_error is None:
                trial.template_error = error
                return await self._tried(integration, members, trial)
            return self._settled(members, began, error)
        except PartlyTakenError as error:
            return self._partly(integration, members, began, trial, error)
        except ChannelError as error:
            return self._refused(integration, members, began, error)
        except Exception as error:  # noqa: BLE001 - it is told by who waits
            return self._settled(members, began, error)
        return self._taken(integration, members, began, trial)

    def _partly(
        self,
        integration: Integration,
        members: Sequence[Waiting],
        began: float,
        trial: _Trial,
        error: PartlyTakenError,
    ) -> bool:
        trial.taken += error.taken
        trial.refused |= error.refused
        if error.left:
            trial.left = error.left
            return self._refused(integration, members, began, error)
        if trial.taken:
            return self._taken(integration, members, began, trial)
        return self._settled(members, began, error)

    def _refused(
        self,
        integration: Integration,
        members: Sequence[Waiting],
        began: float,
        error: ChannelError,
    ) -> bool:
        if not error.may_pass:
            return self._settled(members, began, error)
        if error.wait_seconds:
            integration._gate.close(self._monotonic(), error.wait_seconds)
        for each in members:
            each.error = error.detail
            if each.failing_since is None:
                each.failing_since = began
            self._note(each, began, error.detail, status="retrying")
        context = {"receiver": members[0].notification.receiver, "channel": integration.name}
        _log.warning("a notification is tried again: %s", error.detail, extra={"context": context})
        return False

    def _taken(
        self, integration: Integration, members: Sequence[Waiting], began: float, trial: _Trial
    ) -> bool:
        note = "; ".join(f"{who}: {why}" for who, why in trial.refused.items())
        carrier = members[0].delivery
        for place, each in enumerate(members):
            if place == 0:
                self._note(each, began, "", status="sent", note=note, count=len(members))
            else:
                bundle = carrier.id if carrier else ""
                self._note(each, began, "", status="bundled", note=note, bundle=bundle)
            settle(each.done, None)
        context = {"receiver": members[0].notification.receiver, "channel": integration.name}
        if note:
            _log.warning("some recipients refused: %s", note, extra={"context": context})
        if trial.template_error is not None:
            self._failed(integration, members[0].notification, trial.template_error)
        return True

    def _settled(self, members: Sequence[Waiting], began: float, error: Exception) -> bool:
        for each in members:
            self._note(each, began, _detail(error), status="failed")
            settle(each.done, error)
        return True

    def _note(self, waiting: Waiting, began: float, error: str, **changes: object) -> None:
        if self.deliveries is not None and waiting.delivery is not None:
            took_us = round((self._monotonic() - began) * 1_000_000)
            waiting.delivery = self.deliveries.attempted(
                waiting.delivery, took_us, error=error, **changes
            )

    def _end(self, waiting: Waiting, status: Status, error: str) -> None:
        if self.deliveries is not None and waiting.delivery is not None:
            waiting.delivery = self.deliveries.changed(waiting.delivery, status=status, error=error)

    def _failed(
        self, integration: Integration, notification: Notification, reason: Exception | str
    ) -> None:
        self.numbers.failed[integration.kind] += 1
        context = {
            "receiver": notification.receiver,
            "channel": integration.name,
            "group": notification.group_key,
            "alerts": len(notification.alerts),
        }
        told = _detail(reason)
        integration.last_error = told
        unexpected = None if isinstance(reason, (str, EventSystemError)) else reason
        _log.error(
            "a notification failed: %s",
            told,
            exc_info=unexpected,
            extra={"context": context},
        )

    async def _attempt(self, integration: Integration, notification: Notification) -> None:
        self.numbers.attempts[integration.kind] += 1
        integration._gate.asked(self._monotonic())
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await integration.channel.send(notification)
        except TimeoutError:
            self.numbers.failed_attempts[integration.kind] += 1
            raise ChannelError("no answer in time", may_pass=True) from None
        except ChannelError:
            self.numbers.failed_attempts[integration.kind] += 1
            raise


def _detail(reason: Exception | str) -> str:
    return reason.detail if isinstance(reason, EventSystemError) else str(reason)


def _brought(integration: Integration, task: asyncio.Task[None]) -> None:
    """The line is empty; another task may bring what has come since."""
    if integration._bringing is task:
        integration._bringing = None
