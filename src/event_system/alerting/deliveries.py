"""The delivery log: what became of each notification, attempt by attempt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec

from event_system.alerting.notification import Notification
from event_system.kernel.errors import StorageError
from event_system.kernel.records import Records
from event_system.kernel.tasks import end

Status: TypeAlias = Literal["waiting", "retrying", "sent", "failed", "bundled", "expired"]
STATUSES: Final = ("waiting", "retrying", "sent", "failed", "bundled", "expired")
KIND: Final = "deliveries"
MOST: Final = 5_000
KEEP_US: Final = 30 * 86_400_000_000
MOST_ALERTS: Final = 100
"""Alerts that are named; more are only counted."""
MOST_ATTEMPTS: Final = 10
"""Attempts that are kept, the newest ones; all are counted."""
MOST_ERROR: Final = 500
WRITE_SECONDS: Final = 1.0
SWEEP_TIMES: Final = 60
_log = logging.getLogger(__name__)


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt; `error` of "" is a success."""

    at_us: int
    took_us: int
    error: str = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One notification over one channel, as of `at_us`.

    `count` notifications went as one where there are more than one; those that went along with
    another are `bundled` and name it as `bundle`. `note` says who of several recipients never got it.
    """

    id: str
    begun_us: int
    at_us: int
    receiver: str
    channel: str
    group_key: str
    alerts: tuple[str, ...]
    alert_count: int
    status: Status = "waiting"
    attempt_count: int = 0
    attempts: tuple[Attempt, ...] = ()
    error: str = ""
    note: str = ""
    count: int = 1
    bundle: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries are asked for; None and "" do not choose. `before` is the id of one."""

    receiver: str = ""
    status: str = ""
    fingerprint: str = ""
    since_us: int | None = None
    before: str = ""

    def takes(self, delivery: Delivery) -> bool:
        return (
            self.receiver in ("", delivery.receiver)
            and self.status in ("", delivery.status)
            and (not self.fingerprint or self.fingerprint in delivery.alerts)
            and (self.since_us is None or delivery.at_us >= self.since_us)
            and (not self.before or delivery.id < self.before)
        )


class Deliveries:
    """The newest 5,000 of the last 30 days, in memory and stored within a second.

    `start` before use, `stop` at the end. Where records are None, nothing outlives the process. A
    crash may lose the last second: it is a log, what was told is stored elsewhere.
    """

    def __init__(self, records: Records | None, now_us: Callable[[], int]) -> None:
        self._records = records
        self._now_us = now_us
        self._all: dict[str, Delivery] = {}
        self._changed: set[str] = set()
        self._writing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises `StorageError`."""
        if self._records is not None:
            await self._load(self._records)
        self._writing = asyncio.get_running_loop().create_task(self._write_again())

    async def _load(self, records: Records) -> None:
        decode = msgspec.msgpack.Decoder(Delivery).decode
        for key, raw in sorted((await records.load(KIND)).items()):
            try:
                found = decode(raw)
            except msgspec.DecodeError:
                self._changed.add(key)  # of a form that is no more: it is forgotten
                continue
            if found.status in ("waiting", "retrying"):  # the process ended in between
                found = msgspec.structs.replace(found, status="failed", error="the process ended")
                self._changed.add(key)
            self._all[key] = found

    async def stop(self) -> None:
        if self._writing is not None:
            await end(self._writing)
        await self._write()

    def begin(self, notification: Notification, channel: str) -> Delivery:
        """A notification is to be sent."""
        now_us = self._now_us()
        id_, again = f"{now_us:016x}", 0
        while (found := f"{id_}{again:04x}") in self._all:
            again += 1
        fingerprints = [alert.fingerprint for alert in notification.alerts]
        delivery = Delivery(
            id=found,
            begun_us=now_us,
            at_us=now_us,
            receiver=notification.receiver,
            channel=channel,
            group_key=notification.group_key,
            alerts=tuple(fingerprints[:MOST_ALERTS]),
            alert_count=len(fingerprints),
        )
        self._put(delivery)
        return delivery

    def attempted(self, delivery: Delivery, took_us: int, **changes: Any) -> Delivery:
        """One attempt has ended; `changes` say what came of it, with its `error`."""
        now_us = self._now_us()
        error = changes["error"] = str(changes.get("error", ""))[:MOST_ERROR]
        attempt = Attempt(at_us=now_us - took_us, took_us=took_us, error=error)
        return self.changed(
            delivery,
            attempt_count=delivery.attempt_count + 1,
            attempts=(*delivery.attempts, attempt)[-MOST_ATTEMPTS:],
            **changes,
        )

    def changed(self, delivery: Delivery, **changes: Any) -> Delivery:
        found = msgspec.structs.replace(delivery, at_us=self._now_us(), **changes)
        self._put(found)
        return found

    def _put(self, delivery: Delivery) -> None:
        self._all[delivery.id] = delivery
        self._changed.add(delivery.id)
        while len(self._all) > MOST:
            oldest = next(iter(self._all))
            del self._all[oldest]
            self._changed.add(oldest)

    def find(self, wanted: Wanted) -> Iterator[Delivery]:
        """The newest first."""
        for delivery in reversed(list(self._all.values())):
            if wanted.takes(delivery):
                yield delivery

    async def _write_again(self) -> None:
        while True:
            for _ in range(SWEEP_TIMES):
                await asyncio.sleep(WRITE_SECONDS)
                await self._write()
            self.sweep()

    def sweep(self) -> None:
        """Forget what is too old."""
        oldest_us = self._now_us() - KEEP_US
        for id_ in [id_ for id_, each in self._all.items() if each.at_us < oldest_us]:
            del self._all[id_]
            self._changed.add(id_)

    async def _write(self) -> None:
        if self._records is None or not self._changed:
            return
        taken, self._changed = self._changed, set()
        encode = msgspec.msgpack.encode
        rows = {id_: encode(self._all[id_]) if id_ in self._all else None for id_ in taken}
        try:
            await self._records.save({KIND: rows})
        except StorageError as error:
            self._changed |= taken
            _log.error("the delivery log could not be stored: %s", error.detail)
