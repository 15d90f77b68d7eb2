"""Pages to people, over the channels of the alerting configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from event_system.alerting.alert import Alert, with_fingerprint
from event_system.alerting.configuration import Configuration
from event_system.alerting.notification import Notification
from event_system.alerting.ports import Channel
from event_system.incidents.calls import PERSON, RECEIVER
from event_system.incidents.drafting import lasted
from event_system.incidents.ports import Page, Told
from event_system.kernel.clock import Clock, rfc3339
from event_system.kernel.errors import AlertingConfigurationError, ChannelError, TemplateError

ATTEMPT_SECONDS: Final = 30.0
MAX_CHANNELS: Final = 1_000
PHONE: Final = "phone"
SMS: Final = "sms"
_PURPOSES: Final[Mapping[str, tuple[str, str]]] = {
    "opened": ("New incident", "新事故"),
    "escalated": ("Nobody has answered yet", "尚无人响应"),
    "raised": ("The level was raised", "级别已提高"),
    "assigned": ("It was assigned to you", "已指派给你"),
    "reminder": ("There was no news for too long", "太久没有进展"),
    "recovery": ("It is over", "已恢复"),
    "action_item": ("This action item is overdue", "此改进措施已逾期"),
}


class Contact(Protocol):
    """A person who can be reached: addresses by method."""

    @property
    def contacts(self) -> Mapping[str, str]: ...
    @property
    def language(self) -> str: ...


class Paging:
    """Implements `incidents.ports.Pager`.

    `configuration` is that of alerting as it is now: its servers and providers bring the messages.
    """

    def __init__(
        self,
        people: Callable[[], Mapping[str, Contact]],
        configuration: Callable[[], Configuration],
        clock: Clock,
        external_url: str,
    ) -> None:
        self._people = people
        self._configuration = configuration
        self._clock = clock
        self._external_url = external_url
        self._channels: dict[tuple[str, str, str], Channel | None] = {}
        self._made_of: Configuration | None = None

    def methods(self, person: str) -> Sequence[str]:
        """Those that the person has an address for, and the configuration a way."""
        contact = self._people().get(person)
        if contact is None:
            return ()
        return [each for each in _addresses(contact) if self._channel(contact, each) is not None]

    def _channel(self, contact: Contact, method: str) -> Channel | None:
        """None where the configuration has no server or provider for it."""
        configuration = self._configuration()
        if self._made_of is not configuration:
            self._made_of, self._channels = configuration, {}
        key = (method, _addresses(contact)[method], contact.language)
        if key not in self._channels and len(self._channels) < MAX_CHANNELS:
            self._channels[key] = _made(configuration, *key)
        return self._channels.get(key)

    async def page(self, page: Page) -> None:
        notification = self._notification(page)
        for channel in self._ways(page):
            try:
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    await channel.send(notification)
            except TimeoutError:
                raise ChannelError("no answer in time", may_pass=True) from None
            except TemplateError as error:
                raise ChannelError(f"its template fails: {error.detail}") from error

    def _ways(self, page: Page) -> list[Channel]:
        if page.target.startswith(RECEIVER):
            name = page.target.removeprefix(RECEIVER)
            receiver = self._configuration().receivers.get(name)
            if receiver is None or not receiver.integrations:
                raise ChannelError(f"there is no receiver {name[:80]!r} with a channel")
            return [each.channel for each in receiver.integrations]
        name = page.target.removeprefix(PERSON)
        contact = self._people().get(name)
        if contact is None or page.method not in _addresses(contact):
            raise ChannelError(f"{name[:80]} has no address for {page.method}")
        channel = self._channel(contact, page.method)
        if channel is None:
            raise ChannelError(f"the alerting configuration has no way for {page.method}")
        return [channel]

    def _notification(self, page: Page) -> Notification:
        alerts = [self._alert(page, told) for told in page.told]
        first = page.told[0]
        return Notification(
            receiver=page.target,
            group_key=page.id,
            group_labels=_heading(page, first),
            alerts=alerts,
            external_url=self._external_url,
            conversation=first.incident if page.number == 1 else "",
        )

    def _alert(self, page: Page, told: Told) -> Alert:
        labels = {"alertname": told.incident, "level": told.level}
        if told.service:
            labels["service"] = told.service
        ended_us = (told.ended_us or self._clock.now_us()) if told.purpose == "recovery" else 0
        return with_fingerprint(
            Alert(
                labels=labels,
                annotations=_annotations(page, told),
                starts_us=told.since_us,
                ends_us=ended_us,
                updated_us=self._clock.now_us(),
                generator_url=f"{self._external_url}/api/incidents/{told.incident}",
            )
        )


def _addresses(contact: Contact) -> dict[str, str]:
    """By method; who has a phone gets text messages, too."""
    found = dict(contact.contacts)
    if PHONE in found:
        found.setdefault(SMS, found[PHONE])
    return found


def _made(configuration: Configuration, method: str, address: str, language: str) -> Channel | None:
    if configuration.people is None:
        return None
    try:
        return configuration.people.channel_for(method, address, language)
    except AlertingConfigurationError:
        return None


def _heading(page: Page, first: Told) -> dict[str, str]:
    """What a message is headed with, in the order of its names."""
    if page.number > 1:
        return {"incidents": f"{page.number} incidents", "level": min(t.level for t in page.told)}
    return {"incident": first.incident, "level": first.level, "title": first.title}


def _annotations(page: Page, told: Told) -> dict[str, str]:
    why, why_zh = _PURPOSES[told.purpose]
    more = page.number - len(page.told)
    links = told.links or {}
    found = {
        "summary": f"{told.incident} {told.level}: {told.title}",
        "summary_zh": f"{told.incident} {told.level}：{told.title}",
        "description": _sentences(why, told, "since", "value", "lasted"),
        "description_zh": _sentences(why_zh, told, "开始于", "当时的值", "持续"),
        "value": told.value,
        "runbook_url": told.runbook,
        "acknowledge_url": links.get("acknowledge", ""),
        "snooze_url": links.get("snooze", ""),
        "resolve_url": links.get("resolve", ""),
        "further": f"{more} further incidents" if more else "",
    }
    return {name: text for name, text in found.items() if text}


def _sentences(why: str, told: Told, since: str, value: str, span: str) -> str:
    what = told.what_zh if since != "since" else told.what
    parts = [why, what or told.what, f"{since} {rfc3339(told.since_us)}"]
    if told.value:
        parts.append(f"{value} {told.value}")
    if told.ended_us:
        parts.append(f"{span} {lasted(told.ended_us - told.since_us)}")
    return ". ".join(part.rstrip("。.") for part in parts if part)
