"""WeCom (企业微信): messages of an application, and of a group's robot."""

from __future__ import annotations

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

API_URL: Final = "https://qyapi.weixin.qq.com/cgi-bin/"
_STALE_TOKEN: Final = (40014, 42001)
_BUSY: Final = (-1, 45009)
"""The vendor's own codes: its system is busy, too many calls."""
PAUSE_SECONDS: Final = 60.0
"""After too many calls: the vendor counts by the minute."""


@dataclass(frozen=True, slots=True)
class WeComSettings:
    """An application of WeCom; all but the first four are templates."""

    api_url: str
    api_secret: Secret
    corp_id: str
    http: HttpSettings
    message: str
    message_type: str
    to_user: str
    to_party: str
    to_tag: str
    agent_id: str


class WeCom:
    """Implements `ports.Channel`: `wechat_configs`. Keeps the access token until it is refused."""

    def __init__(self, settings: WeComSettings, templates: Templates) -> None:
        self._settings = settings
        self._templates = templates
        self._http = Http(settings.http)
        self._token = ""

    async def send(self, notification: Notification) -> None:
        body = await rendered(self._body, notification)
        if not self._token:
            self._token = await self._new_token()
        url = self._url("message/send", access_token=self._token)
        try:
            answered(await self._http.post_json(url, body), place_of(url))
        except VendorRefusalError as error:
            if error.number in _STALE_TOKEN:
                self._token = ""
                raise ChannelError("the access token has ended", may_pass=True) from None
            raise _refusal(error) from None

    async def _new_token(self) -> str:
        settings = self._settings
        secret = settings.api_secret.reveal()
        url = self._url("gettoken", corpid=settings.corp_id, corpsecret=secret)
        token = answered(await self._http.get(url), place_of(url)).get("access_token")
        if not isinstance(token, str) or not token:
            raise ChannelError(f"{place_of(url)} gave no access token")
        return token

    def _url(self, path: str, **query: str) -> Secret:
        return Secret(f"{self._settings.api_url.rstrip('/')}/{path}?{urlencode(query)}")

    def _body(self, notification: Notification) -> dict[str, Any]:
        settings, render = self._settings, self._templates.text
        kind = settings.message_type
        to = {
            "touser": render(settings.to_user, notification),
            "toparty": render(settings.to_party, notification),
            "totag": render(settings.to_tag, notification),
        }
        return {
            kind: {"content": self._templates.message(settings.message, notification)},
            **{name: whom for name, whom in to.items() if whom},
            "agentid": render(settings.agent_id, notification),
            "safe": "0",
            "msgtype": kind,
        }

    def place(self) -> Place | None:
        return place_of_url(self._settings.api_url, self._settings.http)

    async def close(self) -> None:
        await self._http.close()


@dataclass(frozen=True, slots=True)
class RobotSettings:
    """A group's robot; `message` is a template."""

    url: Secret
    http: HttpSettings
    message: str
    message_type: str


class WeComRobot:
    """Implements `ports.Channel`: `wecom_configs`."""

    def __init__(self, settings: RobotSettings, templates: Templates) -> None:
        self._settings = settings
        self._templates = templates
        self._http = Http(settings.http)

    async def send(self, notification: Notification) -> None:
        body, url = await rendered(self._body, notification), self._settings.url
        try:
            answered(await self._http.post_json(url, body), place_of(url))
        except VendorRefusalError as error:
            raise _refusal(error) from None

    def _body(self, notification: Notification) -> dict[str, Any]:
        kind = self._settings.message_type
        content = self._templates.message(self._settings.message, notification)
        return {"msgtype": kind, kind: {"content": content}}

    def place(self) -> Place | None:
        return place_of_url(self._settings.url, self._settings.http)

    async def close(self) -> None:
        await self._http.close()


def _refusal(error: VendorRefusalError) -> ChannelError:
    wait_seconds = PAUSE_SECONDS if error.number == _BUSY[1] else 0.0
    return ChannelError(error.detail, may_pass=error.number in _BUSY, wait_seconds=wait_seconds)
