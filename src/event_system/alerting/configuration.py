"""What an `alertmanager.yml` comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from event_system.alerting.inhibition import InhibitRule
from event_system.alerting.intervals import Intervals
from event_system.alerting.ports import PersonChannels
from event_system.alerting.routes import Route
from event_system.alerting.sending import Integration

RESOLVE_TIMEOUT_US: Final = 300_000_000


@dataclass(frozen=True, slots=True)
class Receiver:
    """A name, and the channels behind it."""

    name: str
    integrations: Sequence[Integration] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """Routes, receivers and rules. `original` is the YAML with its secrets taken out.

    `people` makes channels to one person.
    """

    route: Route
    receivers: Mapping[str, Receiver]
    inhibit_rules: Sequence[InhibitRule] = ()
    intervals: Intervals = field(default_factory=dict)
    resolve_timeout_us: int = RESOLVE_TIMEOUT_US
    original: str = ""
    people: PersonChannels | None = None
