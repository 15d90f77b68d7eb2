"""What holds where nobody has configured anything: alerts by their level, told to nobody."""

from __future__ import annotations

from typing import Final

from event_system.alerting.configuration import Configuration, Receiver
from event_system.alerting.matchers import parse_matchers
from event_system.alerting.routes import Route, RouteOptions, id_of, key_of

LEVELS: Final = ("P0", "P1", "P2", "P3")
SEVERITIES: Final = {"P0": "critical", "P2": "warning", "P3": "info"}
"""The level of alerts whose rule names none."""
_TOP: Final = RouteOptions(
    "P3",
    group_by=frozenset({"alertname"}),
    group_wait_us=10_000_000,
    group_interval_us=10_000_000,
    repeat_interval_us=3_600_000_000,
)


def default_configuration() -> Configuration:
    """A receiver without channels for each level; what has neither level nor severity is P3."""
    top = Route(_TOP)
    wanted = [(level, f"level={level}") for level in LEVELS]
    wanted += [(level, f'level="",severity={name}') for level, name in SEVERITIES.items()]
    routes = tuple(_route(top, place, *each) for place, each in enumerate(wanted))
    receivers = {level: Receiver(level) for level in LEVELS}
    return Configuration(Route(_TOP, routes=routes), receivers, original=ORIGINAL)


def _route(top: Route, place: int, level: str, condition: str) -> Route:
    matchers = parse_matchers(condition)
    options = RouteOptions(
        level,
        group_by=_TOP.group_by,
        group_wait_us=_TOP.group_wait_us,
        group_interval_us=_TOP.group_interval_us,
        repeat_interval_us=_TOP.repeat_interval_us,
    )
    return Route(
        options, matchers, key=key_of(top.key, matchers), id=id_of(top.id, matchers, place)
    )


ORIGINAL: Final = """\
route:
  receiver: P3
  group_by: [alertname]
  group_wait: 10s
  group_interval: 10s
  repeat_interval: 1h
  routes:
  - matchers: [level = P0]
    receiver: P0
  - matchers: [level = P1]
    receiver: P1
  - matchers: [level = P2]
    receiver: P2
  - matchers: [level = P3]
    receiver: P3
  - matchers: ['level = ""', severity = critical]
    receiver: P0
  - matchers: ['level = ""', severity = warning]
    receiver: P2
  - matchers: ['level = ""', severity = info]
    receiver: P3
receivers:
- name: P0
- name: P1
- name: P2
- name: P3
"""
