"""Providers of text messages and calls: what each needs, in a receiver or in `global`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from event_system.alerting.channels.connecting import HttpSettings
from event_system.alerting.channels.providers import aliyun, tencent, twilio
from event_system.alerting.channels.providers.aliyun import (
    AliyunCalls,
    AliyunMessages,
    AliyunSettings,
)
from event_system.alerting.channels.providers.gateway import (
    BODY,
    METHODS,
    Gateway,
    GatewaySettings,
)
from event_system.alerting.channels.providers.provider import Provider, is_number
from event_system.alerting.channels.providers.tencent import TencentMessages, TencentSettings
from event_system.alerting.channels.providers.twilio import (
    Speech,
    TwilioCalls,
    TwilioMessages,
    TwilioSettings,
)
from event_system.alerting.reading.http import http_settings
from event_system.alerting.reading.sections import Section
from event_system.alerting.reading.urls import check_url
from event_system.alerting.secret import Secret
from event_system.alerting.templates.templates import Templates

Kind: TypeAlias = Literal["sms", "phone"]
MOST_TIMES: Final = 3
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


@dataclass(frozen=True, slots=True)
class Offer:
    """A provider that was read: how to make it, and the values that its template wants.

    `make` takes the language that texts are in. `values` of None are our own, in that language.
    """

    make: Callable[[str], Provider]
    values: Mapping[str, str] | None
    most_of_a_value: int = 35


@dataclass(frozen=True, slots=True)
class ProviderMeans:
    """What providers work with."""

    templates: Templates
    now_us: Callable[[], int]
    new_id: Callable[[], str]


class ProviderReader:
    """Reads the members of a provider beside its name."""

    def __init__(self, means: ProviderMeans, http: HttpSettings) -> None:
        self._means = means
        self._http = http
        self._known: Mapping[str, Callable[[Section, Kind], Offer | None]] = {
            "twilio": self._twilio,
            "aliyun": self._aliyun,
            "tencent": self._tencent,
            "http": self._gateway,
        }

    def offer(self, section: Section, kind: Kind) -> Offer | None:
        """That which `provider` names; None where there is none, or with a fault."""
        name = section.text("provider")
        if not name:
            return None
        read = self._known.get(name)
        if read is None:
            section.fault("provider", f"is one of {', '.join(self._known)}")
            return None
        return read(section, kind)

    def _twilio(self, section: Section, kind: Kind) -> Offer | None:
        times, voice = _times(section, kind), section.text("voice") if kind == "phone" else ""
        settings = TwilioSettings(
            account_sid=_needed(section, "account_sid"),
            auth_token=_needed_secret(section, "auth_token"),
            sender=section.text("from"),
            messaging_service_sid=section.text("messaging_service_sid") if kind == "sms" else "",
            http=http_settings(section, self._http),
            api_url=_api_url(section, twilio.API_URL),
        )
        if not settings.messaging_service_sid and not settings.sender:
            section.fault("from", "is needed: the number that it comes from")
        if kind == "phone":
            _check_number(section, "from", settings.sender)

            def make(language: str) -> Provider:
                tongue = "zh-CN" if language == "zh" else "en-US"
                return TwilioCalls(settings, Speech(tongue, voice, times))

            return Offer(make, {})
        return Offer(lambda _: TwilioMessages(settings), {})

    def _aliyun(self, section: Section, kind: Kind) -> Offer | None:
        means, times = self._means, _times(section, kind)
        sender = _needed(section, "sign_name") if kind == "sms" else section.text("from")
        url = aliyun.SMS_URL if kind == "sms" else aliyun.CALLS_URL
        settings = AliyunSettings(
            key_id=_needed(section, "access_key_id"),
            key_secret=_needed_secret(section, "access_key_secret"),
            sender=sender,
            template_code=_needed(section, "template_code"),
            api_url=_api_url(section, url),
            http=http_settings(section, self._http),
        )
        values, most = _values(section)
        if kind == "sms":
            return Offer(
                lambda _: AliyunMessages(settings, means.now_us, means.new_id), values, most
            )
        return Offer(
            lambda _: AliyunCalls(settings, times, means.now_us, means.new_id), values, most
        )

    def _tencent(self, section: Section, kind: Kind) -> Offer | None:
        if kind != "sms":
            section.fault("provider", "tencent brings text messages only")
        settings = TencentSettings(
            secret_id=_needed(section, "secret_id"),
            secret_key=_needed_secret(section, "secret_key"),
            app_id=_needed(section, "app_id"),
            sender=_needed(section, "sign_name"),
            template_code=_needed(section, "template_code"),
            region=section.text("region", "ap-guangzhou"),
            api_url=_api_url(section, tencent.API_URL),
            http=http_settings(section, self._http),
        )
        values, most = _values(section)
        return Offer(lambda _: TencentMessages(settings, self._means.now_us), values, most)

    def _gateway(self, section: Section, kind: Kind) -> Offer | None:
        url, method = section.secret("url"), section.text("method", "POST").upper()
        if method not in METHODS:
            section.fault("method", f"is one of {', '.join(METHODS)}")
        if url is None:
            section.fault("url", "is needed")
            url = Secret("")
        elif check_url(section, "url", url.reveal()):
            section.check_template("url", url.reveal())
        headers = {name: Secret(value) for name, value in section.pairs("headers").items()}
        for name, value in headers.items():
            if not _HEADER.fullmatch(name) or not value.reveal().isprintable():
                section.fault("headers", f"{name[:80]!r} is no header that can be sent")
        settings = GatewaySettings(
            url=url,
            method=method,
            headers=headers,
            body=section.template("body", BODY),
            expects=section.text("expects"),
            http=http_settings(section, self._http),
        )
        templates = self._means.templates
        values, most = _values(section)
        return Offer(lambda _: Gateway(settings, templates), values, most)


def _values(section: Section) -> tuple[dict[str, str] | None, int]:
    """The values of a provider's template, and how long each may be."""
    values = section.pairs("template_values")
    for template in values.values():
        section.check_template("template_values", template)
    most = section.number("max_value_length", 35)
    if not 5 <= most <= 1000:
        section.fault("max_value_length", "lies between 5 and 1000")
    return values or None, most


def _times(section: Section, kind: Kind) -> int:
    """How often a text is read out."""
    if kind == "sms":
        return 1
    found = section.number("times", 2)
    if not 1 <= found <= MOST_TIMES:
        section.fault("times", f"lies between 1 and {MOST_TIMES}")
    return found


def _needed(section: Section, key: str) -> str:
    found = section.text(key)
    if not found:
        section.fault(key, "is needed")
    elif not found.isprintable() or len(found) > 200:
        section.fault(key, "is no text that a provider takes")
    return found


def _needed_secret(section: Section, key: str) -> Secret:
    found = section.secret(key)
    if found is None:
        section.fault(key, f"is needed, or `{key}_file`")
    return found or Secret("")


def _api_url(section: Section, default: str) -> str:
    found = section.text("api_url", default)
    check_url(section, "api_url", found)
    return found


def _check_number(section: Section, key: str, number: str) -> None:
    if number and not is_number(number):
        section.fault(key, "is no number like +8613800138000")
