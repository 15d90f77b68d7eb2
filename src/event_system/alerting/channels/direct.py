"""Channels to one person: what a receiver would have, made of an address and of `global`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from event_system.alerting.channels.providers.aliyun import local
from event_system.alerting.channels.providers.provider import is_number
from event_system.alerting.ports import Channel
from event_system.alerting.reading.receivers import Globals, Means, ReceiverReader
from event_system.alerting.reading.sections import Reading, Section
from event_system.kernel.errors import AlertingConfigurationError

MOST_CHARACTERS: Final = 2_000


class DirectChannels:
    """Implements `ports.PersonChannels`, with the servers and providers of one configuration."""

    def __init__(self, given: Globals, means: Means) -> None:
        self._given = given
        self._means = means

    def channel_for(self, method: str, address: str, language: str = "en") -> Channel:
        made = _MEMBERS.get(method)
        if made is None:
            raise AlertingConfigurationError(f"{method[:80]!r} is none of {', '.join(METHODS)}")
        if not address or len(address) > MOST_CHARACTERS or "{{" in address:
            raise AlertingConfigurationError(f"the address for {method} is none")
        kind, members = made(address, self._given)
        reading = Reading(method, {}, _no_file, self._means.templates)
        section = Section(reading, {"name": method, f"{kind}_configs": [members | _in(language)]})
        receiver = ReceiverReader(self._given, self._means).receiver(section)
        if reading.faults:
            raise AlertingConfigurationError("; ".join(reading.faults), where=method)
        return receiver.integrations[0].channel


def _in(language: str) -> dict[str, Any]:
    return {} if language == "en" else {"language": language}


def _no_file(name: str) -> str:
    raise OSError(f"a person's address names no file: {name[:80]}")


def _email(address: str, _: Globals) -> tuple[str, dict[str, Any]]:
    if "@" not in address or any(c.isspace() or c in ",;<>" for c in address):
        raise AlertingConfigurationError("the address for email is none", where="email")
    return "email", {"to": address}


def _slack(address: str, _: Globals) -> tuple[str, dict[str, Any]]:
    """An incoming webhook of the person's own, or a name or id over that of `global`."""
    return "slack", {"api_url" if _is_url(address) else "channel": address}


def _wecom(address: str, given: Globals) -> tuple[str, dict[str, Any]]:
    """A robot's address, or the id of a user of the application in `global`."""
    if _is_url(address):
        return "wecom", {"url": address}
    return "wechat", {"to_user": address, "agent_id": given.wechat_agent_id}


def _dingtalk(address: str, _: Globals) -> tuple[str, dict[str, Any]]:
    """A robot's address, or the number of a member of the group of the robot in `global`."""
    if _is_url(address):
        return "dingtalk", {"url": address}
    if not is_number(address):
        told = "has to be a robot's URL, or a number like +8613800138000"
        raise AlertingConfigurationError(f"the address for dingtalk {told}", where="dingtalk")
    return "dingtalk", {"at_mobiles": [local(address)]}


def _is_url(address: str) -> bool:
    return address.startswith(("https://", "http://"))


_MEMBERS: Final[Mapping[str, Callable[[str, Globals], tuple[str, dict[str, Any]]]]] = {
    "email": _email,
    "sms": lambda address, _: ("sms", {"to": address}),
    "phone": lambda address, _: ("phone", {"to": address}),
    "slack": _slack,
    "wecom": _wecom,
    "dingtalk": _dingtalk,
    "webhook": lambda address, _: ("webhook", {"url": address}),
}
METHODS: Final = tuple(_MEMBERS)
"""How one person may be told."""
