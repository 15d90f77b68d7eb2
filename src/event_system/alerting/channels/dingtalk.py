"""DingTalk (钉钉): a group's robot, with its signature."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from event_system.alerting.channels.connecting import HttpSettings
from event_system.alerting.channels.http import Http, VendorRefusalError, answered, place_of
from event_system.alerting.channels.place import Place, place_of_url
from event_system.alerting.notification import Notification
from event_system.alerting.rendering import rendered
from event_system.alerting.secret import Secret
from event_system.alerting.templates.templates import Templates
from event_system.kernel.errors import ChannelError

_TOO_OFTEN: Final = (130101, -1)
PAUSE_SECONDS: Final = 60.0
"""After "send too fast": the vendor counts by the minute."""


@dataclass(frozen=True, slots=True)
class DingTalkSettings:
    """`title` and `message` are templates; without `secret` nothing is signed."""

    url: Secret
    secret: Secret | None
    http: HttpSettings
    title: str
    message: str
    at_mobiles: tuple[str, ...] = ()
    at_all: bool = False


class DingTalk:
    """Implements `ports.Channel`."""

    def __init__(
        self, settings: DingTalkSettings, templates: Templates, now_us: Callable[[], int]
    ) -> None:
        self._settings = settings
        self._templates = templates
        self._now_us = now_us
        self._http = Http(settings.http)

    async def send(self, notification: Notification) -> None:
        body = await rendered(self._body, notification)
        url = self._signed()
        try:
            answered(await self._http.post_json(url, body), place_of(url))
        except VendorRefusalError as error:
            may_pass = error.number in _TOO_OFTEN
            wait_seconds = PAUSE_SECONDS if error.number == _TOO_OFTEN[0] else 0.0
            raise ChannelError(error.detail, may_pass=may_pass, wait_seconds=wait_seconds) from None

    def _signed(self) -> Secret:
        url, secret = self._settings.url.reveal(), self._settings.secret
        if secret is None:
            return self._settings.url
        now_ms = self._now_us() // 1000
        query = urlencode({"timestamp": now_ms, "sign": signature(secret, now_ms)})
        return Secret(f"{url}{'&' if '?' in url else '?'}{query}")

    def _body(self, notification: Notification) -> dict[str, Any]:
        settings, templates = self._settings, self._templates
        return {
            "msgtype": "markdown",
            "markdown": {
                "title": templates.title(settings.title, notification),
                "text": templates.message(settings.message, notification),
            },
            "at": {"atMobiles": list(settings.at_mobiles), "isAtAll": settings.at_all},
        }

    def place(self) -> Place | None:
        return place_of_url(self._settings.url, self._settings.http)

    async def close(self) -> None:
        await self._http.close()


def signature(secret: Secret, now_ms: int) -> str:
    """Base64 of HMAC-SHA256 over the time and the secret, as DingTalk documents it."""
    key = secret.reveal().encode()
    return base64.b64encode(hmac.digest(key, f"{now_ms}\n".encode() + key, "sha256")).decode()
