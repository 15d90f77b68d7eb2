"""Tencent Cloud (腾讯云): text messages, version 2021-01-11.

Signature v3, TC3-HMAC-SHA256: https://cloud.tencent.com/document/api/382/52072. Shapes and codes:
https://cloud.tencent.com/document/api/382/55981. Texts are templates that the operator has had
approved; only their values are ours, by their order.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from event_system.alerting.channels.connecting import HttpSettings
from event_system.alerting.channels.http import Http, place_of
from event_system.alerting.channels.place import Place, place_of_url
from event_system.alerting.channels.providers.provider import Words, fit_to_tell
from event_system.alerting.secret import Secret
from event_system.kernel.clock import to_datetime
from event_system.kernel.errors import ChannelError

API_URL: Final = "https://sms.tencentcloudapi.com"
VERSION: Final = "2021-01-11"
ALGORITHM: Final = "TC3-HMAC-SHA256"
_SERVICE: Final = "sms"
_CONTENT_TYPE: Final = "application/json; charset=utf-8"
_PASSING: Final = ("InternalError", "RequestLimitExceeded", "LimitExceeded.DeliveryFrequencyLimit")
_HALF_A_MINUTE: Final = "LimitExceeded.PhoneNumberThirtySecondLimit"
_PAUSE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class TencentSettings:
    """`sender` is the approved name (短信签名)."""

    secret_id: str
    secret_key: Secret
    app_id: str
    sender: str
    template_code: str
    region: str
    api_url: str
    http: HttpSettings


class TencentMessages:
    """Implements `Provider`: `SendSms`."""

    def __init__(self, settings: TencentSettings, now_us: Callable[[], int]) -> None:
        self._settings = settings
        self._now_us = now_us
        self._http = Http(settings.http)

    async def deliver(self, number: str, words: Words) -> None:
        settings, seconds = self._settings, self._now_us() // 1_000_000
        body = msgspec.json.encode(
            {
                "PhoneNumberSet": [number],
                "SmsSdkAppId": settings.app_id,
                "SignName": settings.sender,
                "TemplateId": settings.template_code,
                "TemplateParamSet": list(words.values.values()),
            }
        )
        url = Secret(settings.api_url.rstrip("/") + "/")
        host = urlsplit(url.reveal()).netloc.rpartition("@")[2]
        headers = {
            "content-type": _CONTENT_TYPE,
            "host": host,
            "x-tc-action": "SendSms",
            "x-tc-version": VERSION,
            "x-tc-region": settings.region,
            "x-tc-timestamp": str(seconds),
        }
        signed = {"content-type": _CONTENT_TYPE, "host": host, "x-tc-action": "sendsms"}
        place, secret = place_of(url), settings.secret_key
        headers["authorization"] = authorization(
            (settings.secret_id, secret), _SERVICE, seconds, signed, body
        )
        answer = await self._http.ask("POST", url, body, headers)
        _check(answer.taken(place), place, secret)

    def place(self) -> Place | None:
        return place_of_url(self._settings.api_url, self._settings.http)

    async def close(self) -> None:
        await self._http.close()


def authorization(
    credentials: tuple[str, Secret], service: str, seconds: int, signed: dict[str, str], body: bytes
) -> str:
    """The header of a POST to `/`; `signed` are headers in lower case, in the order of names."""
    secret_id, secret_key = credentials
    names = ";".join(signed)
    lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
    request = "\n".join(["POST", "/", "", lines, names, hashlib.sha256(body).hexdigest()])
    date = to_datetime(seconds * 1_000_000).strftime("%Y-%m-%d")
    scope = f"{date}/{service}/tc3_request"
    text = f"{ALGORITHM}\n{seconds}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = b"TC3" + secret_key.reveal().encode()
    for part in (date, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return (
        f"{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )


def _check(body: bytes, place: str, secret: Secret) -> None:
    """Errors are successes for HTTP: of the request, or of the number."""
    try:
        found: Any = msgspec.json.decode(body)["Response"]
        outcome = found["Error"] if "Error" in found else found["SendStatusSet"][0]
        code, message = str(outcome["Code"]), str(outcome.get("Message", ""))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise ChannelError(f"{place} answered something else than it should") from None
    if code == "Ok":
        return
    told = f"{place} refused: {fit_to_tell(code)} {fit_to_tell(message, [secret])}".rstrip()
    waits = code == _HALF_A_MINUTE
    raise ChannelError(
        told,
        may_pass=waits or code.startswith(_PASSING),
        wait_seconds=_PAUSE_SECONDS if waits else 0.0,
    )
