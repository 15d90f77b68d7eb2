"""Tells channels of groups, and keeps what each was told: the notification log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from event_system.alerting.alert import Alert
from event_system.alerting.beginning import as_told
from event_system.alerting.book import Book
from event_system.alerting.configuration import Receiver
from event_system.alerting.dedupe import DUE, Entry, after
from event_system.alerting.explaining import Failing
from event_system.alerting.groups import Flush, Group
from event_system.alerting.notification import Notification
from event_system.alerting.plans import owed_by, planned
from event_system.alerting.sending import Integration, Sender

LEAST_PATIENCE_SECONDS: Final = 10.0
_log = logging.getLogger(__name__)


class Notifier:
    """Decides for each channel what it is told of a flush (`plans.py`), and sends it.

    `entries` are kept by channel and group; they live for `retention_us` at most, but those that
    promise an end for as long as it may come, where `keep_promise` holds.
    """

    def __init__(
        self, sender: Sender, book: Book, external_url: str, keep_promise: bool, retention_us: int
    ) -> None:
        self.sender = sender
        self.entries: dict[str, Entry] = {}
        self._book = book
        self._url = external_url
        self._keeps_promise = keep_promise
        self._retention_us = retention_us
        self._failing: dict[str, tuple[str, Failing]] = {}

    def entries_of(self, group_key: str, receiver: Receiver) -> list[Entry | None]:
        """What each channel of the receiver was told of a group."""
        names = (_entry_key(group_key, receiver.name, each) for each in receiver.integrations)
        return [self.entries.get(name) for name in names]

    def failing(self, group_key: str, receiver: str, integration: Integration) -> Failing | None:
        """Since when a channel could not be told of a group."""
        _, found = self._failing.get(_entry_key(group_key, receiver, integration), ("", None))
        return found

    def failing_since(self, before_us: int) -> set[str]:
        """The channels, as `receiver/webhook[0]`, that owe a group something since then or longer."""
        return {name for name, found in self._failing.values() if found.since_us <= before_us}

    def owed(self, flush: Flush, receiver: Receiver) -> frozenset[str]:
        """Those whose end is still to be told, once the time is no quiet one."""
        if not self._keeps_promise:
            return frozenset()
        return owed_by(self.entries_of(flush.group.key, receiver))

    async def tell_all(self, flush: Flush, receiver: Receiver, quiet: frozenset[str]) -> bool:
        """Whether every channel of the receiver knows."""
        done = await asyncio.gather(
            *(self._tell(flush, receiver, each, quiet) for each in receiver.integrations),
            return_exceptions=True,  # the other channels go on, and are waited for
        )
        for error in (each for each in done if isinstance(each, BaseException)):
            _log.error("a channel could not be told: %s", flush.group.key, exc_info=error)
        return all(each is True for each in done)

    async def _tell(
        self, flush: Flush, receiver: Receiver, integration: Integration, quiet: frozenset[str]
    ) -> bool:
        now_us = flush.moment.wall_us
        options = flush.group.route.options
        key = _entry_key(flush.group.key, receiver.name, integration)
        entry = self.entries.get(key)
        plan = planned(
            flush.alerts,
            entry,
            quiet=quiet,
            repeat_us=options.repeat_interval_us,
            send_resolved=integration.send_resolved,
            keep_promise=self._keeps_promise,
            now_us=now_us,
        )
        if plan.reason not in DUE:
            self._failing.pop(key, None)  # nothing is owed any more
            return True
        patience = max(options.group_interval_us / 1_000_000, LEAST_PATIENCE_SECONDS)
        if plan.alerts and not await self.sender.send(
            integration, self._notification(flush.group, receiver, plan.alerts), patience
        ):
            since_us = self._failing[key][1].since_us if key in self._failing else now_us
            name = f"{receiver.name}/{integration.name}"
            self._failing[key] = name, Failing(since_us, integration.last_error)
            return False
        self._failing.pop(key, None)
        keep_us = min(self._retention_us, 2 * options.repeat_interval_us)
        self.entries[key] = after(entry, plan.told, now_us=now_us, keep_us=keep_us)
        self._book.waiting.entries[key] = self.entries[key]
        await self._book.try_to_write()
        return True

    def _notification(
        self, group: Group, receiver: Receiver, alerts: Sequence[Alert]
    ) -> Notification:
        told = [as_told(alert) for alert in alerts]
        return Notification(receiver.name, group.key, group.labels, told, self._url)

    def forget_failures(self) -> None:
        """Those of channels that are no more."""
        self._failing.clear()

    def sweep(self, alerts: Mapping[str, Alert], now_us: int) -> None:
        """Forget what has expired; `alerts` are those that are known."""
        for key in [k for k, entry in self.entries.items() if self._is_old(entry, alerts, now_us)]:
            del self.entries[key]
            self._failing.pop(key, None)
            self._book.waiting.entries[key] = None

    def _is_old(self, entry: Entry, alerts: Mapping[str, Alert], now_us: int) -> bool:
        """Not while an end is promised that may still be told, however long it was quiet."""
        if entry.expires_us >= now_us:
            return False
        return not (self._keeps_promise and any(map(alerts.__contains__, entry.owed)))


def _entry_key(group_key: str, receiver: str, integration: Integration) -> str:
    return f"{group_key}:{receiver}/{integration.kind}/{integration.index}"
