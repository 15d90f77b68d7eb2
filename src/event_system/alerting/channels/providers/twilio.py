"""Twilio: messages and calls by its REST API, version 2010-04-01.

Shapes: https://www.twilio.com/docs/messaging/api/message-resource and
https://www.twilio.com/docs/voice/api/call-resource, which both take a form with basic authentication
by the account's SID and its token; errors are JSON with `code` and `message`
(https://www.twilio.com/docs/usage/twilios-response, https://www.twilio.com/docs/api/errors).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape, quoteattr

import httpx
import msgspec

from event_system.alerting.channels.connecting import HttpSettings
from event_system.alerting.channels.http import Answer, Http, place_of
from event_system.alerting.channels.place import Place, place_of_url
from event_system.alerting.channels.providers.provider import Words, fit_to_tell
from event_system.alerting.secret import Secret
from event_system.kernel.errors import ChannelError

API_URL: Final = "https://api.twilio.com"
_PASSING: Final = (14107, 20429, 20500, 20503, 21611)
"""Too many at once, their own faults, and a queue that is full."""
_PAUSE_BETWEEN_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """`sender` is a number of the account; messages may name a messaging service in its place."""

    account_sid: str
    auth_token: Secret
    sender: str
    messaging_service_sid: str
    http: HttpSettings
    api_url: str = API_URL


@dataclass(frozen=True, slots=True)
class Speech:
    """How a text is read out, and how often. `voice` of "" leaves it to Twilio."""

    language: str
    voice: str
    times: int


class _Twilio:
    def __init__(self, settings: TwilioSettings) -> None:
        self._settings = settings
        self._http = Http(settings.http)

    async def _post(self, resource: str, form: Mapping[str, str]) -> None:
        settings = self._settings
        account, token = settings.account_sid, settings.auth_token
        url = Secret(
            f"{settings.api_url.rstrip('/')}/2010-04-01/Accounts/{quote(account, safe='')}/{resource}.json"
        )
        login = base64.b64encode(f"{account}:{token.reveal()}".encode()).decode()
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "authorization": f"Basic {login}",
        }
        answer = await self._http.ask("POST", url, urlencode(form).encode(), headers)
        _check(answer, place_of(url), token)

    def place(self) -> Place | None:
        return place_of_url(self._settings.api_url, self._settings.http)

    async def close(self) -> None:
        await self._http.close()


class TwilioMessages(_Twilio):
    """Implements `Provider`: text messages."""

    async def deliver(self, number: str, words: Words) -> None:
        settings = self._settings
        sender = (
            {"MessagingServiceSid": settings.messaging_service_sid}
            if settings.messaging_service_sid
            else {"From": settings.sender}
        )
        await self._post("Messages", {"To": number, **sender, "Body": words.text})


class TwilioCalls(_Twilio):
    """Implements `Provider`: calls that read a text out."""

    def __init__(self, settings: TwilioSettings, speech: Speech) -> None:
        super().__init__(settings)
        self._speech = speech

    async def deliver(self, number: str, words: Words) -> None:
        form = {
            "To": number,
            "From": self._settings.sender,
            "Twiml": twiml(words.text, self._speech),
        }
        await self._post("Calls", form)


def twiml(text: str, speech: Speech) -> str:
    """`<Say>`, as often as wanted: https://www.twilio.com/docs/voice/twiml/say."""
    voice = f" voice={quoteattr(speech.voice)}" if speech.voice else ""
    say = f"<Say language={quoteattr(speech.language)}{voice}>{escape(text)}</Say>"
    pause = f'<Pause length="{_PAUSE_BETWEEN_SECONDS}"/>'
    return f"<Response>{pause.join([say] * speech.times)}</Response>"


def _check(answer: Answer, place: str, token: Secret) -> None:
    if httpx.codes.is_success(answer.status):
        return
    code, message = _fault(answer.body)
    told = f"{place} refused: {answer.status} {code or ''} {fit_to_tell(message, [token])}".rstrip()
    may_pass = answer.may_pass or code in _PASSING
    raise ChannelError(told, may_pass=may_pass, wait_seconds=answer.wait_seconds)


def _fault(body: bytes) -> tuple[int | None, str]:
    try:
        found: Any = msgspec.json.decode(body)
    except ValueError:
        return None, ""
    if not isinstance(found, dict) or not isinstance(found.get("code"), int):
        return None, ""
    return found["code"], str(found.get("message", ""))
