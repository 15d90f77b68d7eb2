"""Slack: one message with one attachment, over an incoming webhook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from event_system.alerting.channels.connecting import HttpSettings
from event_system.alerting.channels.http import Http, place_of
from event_system.alerting.channels.place import Place, place_of_url
from event_system.alerting.notification import Notification
from event_system.alerting.rendering import rendered
from event_system.alerting.secret import Secret
from event_system.alerting.templates.templates import Templates
from event_system.kernel.errors import ChannelError

MAX_TITLE: Final = 1024
_HEAD: Final = ("channel", "username", "icon_emoji", "icon_url")
_ALWAYS: Final = ("title", "title_link", "text", "fallback", "callback_id", "footer")
_WHERE_GIVEN: Final = ("pretext", "image_url", "thumb_url", "color")


@dataclass(frozen=True, slots=True)
class SlackField:
    """A field of the attachment."""

    title: str
    value: str
    short: bool


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """`texts` are templates by the names of the attachment's members."""

    api_url: Secret
    http: HttpSettings
    channel: str
    username: str
    icon_emoji: str
    icon_url: str
    link_names: bool
    texts: Mapping[str, str]
    fields: Sequence[SlackField] = ()
    mrkdwn_in: Sequence[str] = ("fallback", "pretext", "text")


class Slack:
    """Implements `ports.Channel`."""

    def __init__(self, settings: SlackSettings, templates: Templates) -> None:
        self._settings = settings
        self._templates = templates
        self._http = Http(settings.http)

    async def send(self, notification: Notification) -> None:
        url = self._settings.api_url
        answer = await self._http.post_json(url, await rendered(self._body, notification))
        _check(answer, place_of(url))

    def _body(self, notification: Notification) -> dict[str, Any]:
        settings = self._settings
        head = {
            name: self._templates.text(getattr(settings, name), notification)
            for name in (("channel",) if notification.is_brief else _HEAD)
        }
        body: dict[str, Any] = {name: text for name, text in head.items() if text}
        if settings.link_names:
            body["link_names"] = True
        body["attachments"] = [self._attachment(notification)]
        return body

    def _attachment(self, notification: Notification) -> dict[str, Any]:
        settings, render = self._settings, self._templates.text
        if notification.is_brief:
            return self._brief(notification)
        texts = {name: render(text, notification) for name, text in settings.texts.items()}
        texts["title"] = _cut(texts["title"])
        found: dict[str, Any] = {name: texts[name] for name in _ALWAYS}
        found |= {name: texts[name] for name in _WHERE_GIVEN if texts[name]}
        if settings.fields:
            found["fields"] = [
                {
                    "title": render(each.title, notification),
                    "value": render(each.value, notification),
                    "short": each.short,
                }
                for each in settings.fields
            ]
        found["mrkdwn_in"] = list(settings.mrkdwn_in)
        return found

    def _brief(self, notification: Notification) -> dict[str, Any]:
        title = self._templates.title("", notification)
        text = self._templates.message("", notification)
        return {"title": title, "fallback": title, "text": text}

    def place(self) -> Place | None:
        return place_of_url(self._settings.api_url, self._settings.http)

    async def close(self) -> None:
        await self._http.close()


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TITLE else text[: MAX_TITLE - 1] + "…"


def _check(answer: bytes, place: str) -> None:
    """Slack's web API answers 200 also where it refuses."""
    try:
        found = msgspec.json.decode(answer)
    except ValueError:
        return
    if isinstance(found, dict) and found.get("ok") is False:
        raise ChannelError(f"{place} refused: {str(found.get('error', ''))[:200]}")
