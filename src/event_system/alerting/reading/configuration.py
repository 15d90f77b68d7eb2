"""The whole configuration: its parts, and what holds between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from event_system.alerting.channels.direct import DirectChannels
from event_system.alerting.configuration import RESOLVE_TIMEOUT_US, Configuration, Receiver
from event_system.alerting.intervals import TimeInterval
from event_system.alerting.reading.intervals import time_intervals
from event_system.alerting.reading.receivers import (
    OWN_KEYS,
    OWN_KINDS,
    Means,
    ReceiverReader,
    globals_of,
)
from event_system.alerting.reading.routes import RouteReader, inhibit_rule
from event_system.alerting.reading.sections import Reading, Section
from event_system.kernel.errors import AlertingConfigurationError

_MASK: Final = "<secret>"
_SECRET_ENDS: Final = ("password", "secret", "token", "credentials", "slack_api_url", "proxy_url")
_SECRET_URLS: Final = ("webhook_configs", "slack_configs")


def read(
    data: Mapping[str, Any], reading: Reading, means: Means, dump: Callable[[Any], str]
) -> Configuration:
    """The configuration. `dump` writes YAML.

    Raises `AlertingConfigurationError` with every fault and its line.
    """
    root = Section(reading, data)
    found = _read(root, means, dump(masked(data)))
    if reading.faults:
        raise AlertingConfigurationError("\n".join(reading.faults), where=reading.name)
    return found


def _read(root: Section, means: Means, original: str) -> Configuration:
    section = root.section("global")
    timeout_us = section.span_us("resolve_timeout", RESOLVE_TIMEOUT_US)
    given = globals_of(section, means)
    reader = ReceiverReader(given, means)
    receivers = _receivers(root, reader)
    intervals = _intervals(root)
    if "route" not in root:
        root.fault("route", "is needed")
    route = RouteReader(receivers, intervals).root(root.section("route"))
    rules = tuple(inhibit_rule(each) for each in root.sections("inhibit_rules"))
    root.raw("templates")  # read before, as receivers need them
    root.done()
    people = DirectChannels(given, means)
    return Configuration(route, receivers, rules, intervals, timeout_us, original, people)


def _receivers(root: Section, reader: ReceiverReader) -> dict[str, Receiver]:
    found: dict[str, Receiver] = {}
    for section in root.sections("receivers"):
        receiver = reader.receiver(section)
        if receiver.name in found:
            section.fault("name", f"there are two receivers {receiver.name!r}")
        found[receiver.name] = receiver
    return found


def _intervals(root: Section) -> dict[str, tuple[TimeInterval, ...]]:
    found: dict[str, tuple[TimeInterval, ...]] = {}
    for key in ("time_intervals", "mute_time_intervals"):
        for section in root.sections(key):
            name, intervals = time_intervals(section)
            if name in found:
                section.fault("name", f"there are two time intervals {name!r}")
            found[name] = intervals
    return found


def masked(data: Any, above: str = "", parent: str = "") -> Any:
    """The data with secrets taken out, and without what Alertmanager's own tools do not know.

    `above` is the kind of receiver that it stands in, `parent` the member right above.
    """
    if isinstance(data, dict):
        return {
            key: _masked_member(key, value, above)
            for key, value in data.items()
            if not _is_own(key, parent)
        }
    if isinstance(data, list):
        return [masked(item, above, parent) for item in data]
    return data


def _is_own(key: Any, parent: str) -> bool:
    is_place = parent == "global" or parent.endswith("_configs")
    return key in OWN_KINDS or (is_place and key in OWN_KEYS)


def _masked_member(key: Any, value: Any, above: str) -> Any:
    """YAML reads some secrets, and some keys, as numbers or dates."""
    name = str(key)
    if value is None or isinstance(value, (dict, list)):
        return masked(value, name if name.endswith("_configs") else above, name)
    if name in ("url", "api_url") and above in _SECRET_URLS:
        return _MASK if above == "slack_configs" else "http://<secret>"
    return _MASK if name.endswith(_SECRET_ENDS) else value
