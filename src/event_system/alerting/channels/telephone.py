"""Text messages and phone calls: one text, brought to several numbers by a provider."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from event_system.alerting.channels.place import Place, Placed
from event_system.alerting.channels.providers.provider import Provider, Words, shown
from event_system.alerting.notification import Notification
from event_system.alerting.ports import PartlyTakenError
from event_system.alerting.rendering import rendered
from event_system.alerting.templates.templates import Templates
from event_system.kernel.errors import ChannelError

NUMBER_SECONDS: Final = 25.0
"""How long one number may take: less than an attempt, so that the others' outcomes are known."""


@dataclass(frozen=True, slots=True)
class TelephoneSettings:
    """`to` are numbers; `message` and `values` are templates, cut after so many characters."""

    to: Sequence[str]
    message: str
    values: Mapping[str, str]
    most_characters: int
    most_of_a_value: int


class Telephone:
    """Implements `ports.Channel`: `sms_configs` and `phone_configs`."""

    def __init__(
        self, settings: TelephoneSettings, provider: Provider, templates: Templates
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._templates = templates

    async def send(self, notification: Notification) -> None:
        words, only = await rendered(self._words, notification), notification.recipients
        numbers = [to for to in self._settings.to if only is None or to in only]
        outcomes = await asyncio.gather(*(self._tried(number, words) for number in numbers))
        faults = {number: error for number, error in zip(numbers, outcomes, strict=True) if error}
        if faults:
            raise _told(faults, taken=len(numbers) - len(faults))

    async def _tried(self, number: str, words: Words) -> ChannelError | None:
        try:
            async with asyncio.timeout(NUMBER_SECONDS):
                await self._provider.deliver(number, words)
        except TimeoutError:
            return ChannelError("no answer in time", may_pass=True)
        except ChannelError as error:
            return error
        return None

    def _words(self, notification: Notification) -> Words:
        """On one line each: providers' templates allow no more, and nobody needs it."""
        settings, templates = self._settings, self._templates
        text = one_line(templates.title(settings.message, notification), settings.most_characters)
        values = {
            name: one_line(templates.title(template, notification), settings.most_of_a_value)
            for name, template in settings.values.items()
        }
        return Words(text, values)

    def place(self) -> Place | None:
        return self._provider.place() if isinstance(self._provider, Placed) else None

    async def close(self) -> None:
        await self._provider.close()


def one_line(text: str, most: int) -> str:
    found = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return found if len(found) <= most else found[: most - 1] + "…"


def _told(faults: Mapping[str, ChannelError], taken: int) -> ChannelError:
    reasons = {shown(number): error.detail for number, error in faults.items()}
    return PartlyTakenError(
        "; ".join(f"{number}: {reason}" for number, reason in list(reasons.items())[:5]),
        taken=taken,
        left=[number for number, error in faults.items() if error.may_pass],
        refused={
            shown(number): error.detail for number, error in faults.items() if not error.may_pass
        },
        wait_seconds=max(error.wait_seconds for error in faults.values()),
    )
