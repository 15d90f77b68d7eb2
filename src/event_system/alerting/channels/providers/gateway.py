"""Any gateway that takes one request for each number: address, headers and body are templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from event_system.alerting.channels.connecting import HttpSettings
from event_system.alerting.channels.http import Http, place_of
from event_system.alerting.channels.place import Place, place_of_url
from event_system.alerting.channels.providers.provider import Words
from event_system.alerting.secret import Secret
from event_system.alerting.templates.templates import Templates
from event_system.gotemplate.values import Record, Texts
from event_system.kernel.errors import ChannelError

METHODS: Final = ("GET", "POST", "PUT")
BODY: Final = '{"to": {{ .Number | toJson }}, "text": {{ .Message | toJson }}}'


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """`url` and `body` are templates over `.Number`, `.Message` and `.Values`.

    `expects` has to stand in the answer: many gateways refuse with a success.
    """

    url: Secret
    method: str
    headers: Mapping[str, Secret]
    body: str
    expects: str
    http: HttpSettings


class Gateway:
    """Implements `Provider`."""

    def __init__(self, settings: GatewaySettings, templates: Templates) -> None:
        self._settings = settings
        self._templates = templates
        self._http = Http(settings.http)

    async def deliver(self, number: str, words: Words) -> None:
        settings = self._settings
        dot = Record(Number=number, Message=words.text, Values=Texts(words.values))
        url = Secret(self._rendered(settings.url.reveal(), dot))
        body = None if settings.method == "GET" else self._rendered(settings.body, dot).encode()
        headers = {name: value.reveal() for name, value in settings.headers.items()}
        place = place_of(settings.url)
        found = (await self._http.ask(settings.method, url, body, headers)).taken(place)
        if settings.expects and settings.expects not in found.decode("utf-8", "replace"):
            raise ChannelError(f"{place} answered something else than `expects`")

    def _rendered(self, template: str, dot: Record) -> str:
        return self._templates.render(template, dot, as_html=False)

    def place(self) -> Place | None:
        return place_of_url(self._settings.url, self._settings.http)

    async def close(self) -> None:
        await self._http.close()
