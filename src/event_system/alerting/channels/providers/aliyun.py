"""Aliyun (阿里云): text messages (Dysmsapi) and calls (Dyvmsapi), version 2017-05-25.

Signature V3, ACS3-HMAC-SHA256: https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature.
Shapes: https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-sendsms and
https://help.aliyun.com/zh/vms/developer-reference/api-dyvmsapi-2017-05-25-singlecallbytts. Texts are
templates that the operator has had approved; only their values are ours.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from event_system.alerting.channels.connecting import HttpSettings
from event_system.alerting.channels.http import Answer, Http, place_of
from event_system.alerting.channels.place import Place, place_of_url
from event_system.alerting.channels.providers.provider import Words, fit_to_tell
from event_system.alerting.secret import Secret
from event_system.kernel.clock import to_datetime
from event_system.kernel.errors import ChannelError

SMS_URL: Final = "https://dysmsapi.aliyuncs.com"
CALLS_URL: Final = "https://dyvmsapi.aliyuncs.com"
VERSION: Final = "2017-05-25"
ALGORITHM: Final = "ACS3-HMAC-SHA256"
_CHINA: Final = "+86"
_PASSING: Final = (
    *("isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR", "isp.UNKNOWN", "isv.DATA_NOT_EXIST"),
    *("InternalError", "ServiceUnavailable", "SignatureNonceUsed", "BUSINESS_LIMIT_CONTROL_MINUTE"),
)
_FLOW: Final = "isv.BUSINESS_LIMIT_CONTROL"
_A_MINUTE: Final = "分钟"
"""What the message of `_FLOW` says where the limit is that of a minute, not of an hour or a day."""
_PAUSE_SECONDS: Final = 60.0
_SILENT: Final = ("SignatureDoesNotMatch", "IncompleteSignature")
"""Their messages repeat the request."""


@dataclass(frozen=True, slots=True)
class AliyunSettings:
    """`sender` is the approved name (短信签名) of messages, the shown number of calls."""

    key_id: str
    key_secret: Secret
    sender: str
    template_code: str
    api_url: str
    http: HttpSettings


class _Aliyun:
    def __init__(
        self, settings: AliyunSettings, now_us: Callable[[], int], new_id: Callable[[], str]
    ) -> None:
        self._settings = settings
        self._now_us = now_us
        self._new_id = new_id
        self._http = Http(settings.http)

    async def _call(self, action: str, parameters: Mapping[str, str]) -> None:
        settings = self._settings
        query = canonical_query(parameters)
        url = Secret(f"{settings.api_url.rstrip('/')}/?{query}")
        date = to_datetime(self._now_us()).strftime("%Y-%m-%dT%H:%M:%SZ")
        headers = {
            "host": urlsplit(url.reveal()).netloc.rpartition("@")[2],
            "x-acs-action": action,
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
            "x-acs-date": date,
            "x-acs-signature-nonce": self._new_id(),
            "x-acs-version": VERSION,
        }
        headers["authorization"] = authorization(
            settings.key_id, settings.key_secret, query, headers
        )
        answer = await self._http.ask("POST", url, None, headers)
        _check(answer, place_of(url), settings.key_secret)

    def place(self) -> Place | None:
        return place_of_url(self._settings.api_url, self._settings.http)

    async def close(self) -> None:
        await self._http.close()


class AliyunMessages(_Aliyun):
    """Implements `Provider`: `SendSms`."""

    async def deliver(self, number: str, words: Words) -> None:
        settings = self._settings
        parameters = {
            "PhoneNumbers": local(number),
            "SignName": settings.sender,
            "TemplateCode": settings.template_code,
            "TemplateParam": _json(words.values),
        }
        await self._call("SendSms", parameters)


class AliyunCalls(_Aliyun):
    """Implements `Provider`: `SingleCallByTts`; a template is read out one to three times."""

    def __init__(
        self,
        settings: AliyunSettings,
        times: int,
        now_us: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        super().__init__(settings, now_us, new_id)
        self._times = times

    async def deliver(self, number: str, words: Words) -> None:
        settings = self._settings
        shown = {"CalledShowNumber": settings.sender} if settings.sender else {}
        parameters = {
            "CalledNumber": local(number),
            **shown,
            "TtsCode": settings.template_code,
            "TtsParam": _json(words.values),
            "PlayTimes": str(min(self._times, 3)),
        }
        await self._call("SingleCallByTts", parameters)


def local(number: str) -> str:
    """Numbers of the mainland go without a country, others with it but without the plus."""
    return number[3:] if number.startswith(_CHINA) else number[1:]


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Sorted by name; everything but RFC 3986's unreserved characters is encoded."""
    return "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}"
        for name, value in sorted(parameters.items())
    )


def authorization(
    key_id: str, secret: Secret, query: str, headers: Mapping[str, str], method: str = "POST"
) -> str:
    """The header of a request for `/` without a body. Header names are in lower case."""
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    signed = ";".join(names)
    request = "\n".join([method, "/", query, lines, signed, headers["x-acs-content-sha256"]])
    text = f"{ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(secret.reveal().encode(), text.encode(), "sha256").hex()
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={signed},Signature={signature}"


def _json(values: Mapping[str, str]) -> str:
    return msgspec.json.encode(dict(values)).decode()


def _check(answer: Answer, place: str, secret: Secret) -> None:
    code, message = _outcome(answer.body)
    if code == "OK":
        return
    if not code:
        answer.taken(place)
        raise ChannelError(f"{place} answered something else than it should")
    is_flow = code == _FLOW and _A_MINUTE in message
    may_pass = answer.may_pass or is_flow or code in _PASSING or code.startswith("Throttling")
    said = "" if code.startswith(_SILENT) else fit_to_tell(message, [secret])
    told = f"{place} refused: {fit_to_tell(code)} {said}".rstrip()
    wait_seconds = answer.wait_seconds or (_PAUSE_SECONDS if is_flow else 0.0)
    raise ChannelError(told, may_pass=may_pass, wait_seconds=wait_seconds)


def _outcome(body: bytes) -> tuple[str, str]:
    try:
        found: Any = msgspec.json.decode(body)
    except ValueError:
        return "", ""
    if not isinstance(found, dict):
        return "", ""
    return str(found.get("Code") or ""), str(found.get("Message") or "")
