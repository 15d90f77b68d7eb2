"""What alerting needs of others: a place for its state, and channels."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Protocol

from event_system.alerting.alert import Alert
from event_system.alerting.dedupe import Entry
from event_system.alerting.forgotten import Note
from event_system.alerting.groups import Timer
from event_system.alerting.notification import Notification
from event_system.alerting.recurring import RecurringSilence
from event_system.alerting.silences import Silence
from event_system.kernel.errors import ChannelError


@dataclass(slots=True)
class Changes:
    """What is to be stored, by key; None forgets it."""

    alerts: dict[str, Alert | None] = field(default_factory=dict)
    silences: dict[str, Silence | None] = field(default_factory=dict)
    entries: dict[str, Entry | None] = field(default_factory=dict)
    timers: dict[str, Timer | None] = field(default_factory=dict)
    recurring: dict[str, RecurringSilence | None] = field(default_factory=dict)
    notes: dict[str, Note | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))

    def add(self, later: Changes) -> None:
        """Take in changes that came after these."""
        for each in fields(self):
            getattr(self, each.name).update(getattr(later, each.name))


@dataclass(frozen=True, slots=True)
class Kept:
    """All that was stored."""

    alerts: Mapping[str, Alert]
    silences: Mapping[str, Silence]
    entries: Mapping[str, Entry]
    timers: Mapping[str, Timer]
    recurring: Mapping[str, RecurringSilence]
    notes: Mapping[str, Note]


class AlertingStore(Protocol):
    """Where the state outlives the process."""

    async def load(self) -> Kept:
        """What is kept. Raises `StorageError`."""

    async def save(self, changes: Changes) -> None:
        """Store all or nothing; on stable storage once it returns. Calls keep their order.

        Raises `StorageError`.
        """


class PartlyTakenError(ChannelError):
    """Not all recipients of a channel took it: `left` are to be tried again, `refused` never.

    `refused` are named as people may see them, with the reason.
    """

    def __init__(
        self,
        detail: str,
        *,
        taken: int,
        left: Collection[str] = (),
        refused: Mapping[str, str],
        wait_seconds: float = 0.0,
    ) -> None:
        super().__init__(detail, may_pass=bool(left), wait_seconds=wait_seconds)
        self.taken = taken
        self.left = frozenset(left)
        self.refused = refused


class Channel(Protocol):
    """One way to tell people. May be called several times at once."""

    async def send(self, notification: Notification) -> None:
        """Tell. Raises `ChannelError`, which says whether to try again, and `TemplateError`.

        Where some recipients took it, `PartlyTakenError`: who is left is told when it is called
        again with these as `notification.recipients`.
        """

    async def close(self) -> None:
        """Let go of connections; nothing is told afterwards."""


class PersonChannels(Protocol):
    """Makes channels to one person."""

    def channel_for(self, method: str, address: str, language: str = "en") -> Channel:
        """A channel that is the caller's to close. `method` is one of `channels.direct.METHODS`.

        Raises `AlertingConfigurationError` where the address is none, or where the configuration
        names no server or provider for the method.
        """
