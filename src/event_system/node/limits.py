"""The limits that the settings ask for."""

from __future__ import annotations

import math

from event_system.events.limiter import Kind, Limit
from event_system.events.limits import Rate
from event_system.http.admission import AdmissionSettings
from event_system.node.settings import (
    LimitSettings,
    LimitsSettings,
    RateSettings,
    ServerSettings,
)


def limits_of(settings: LimitsSettings) -> tuple[Limit, ...]:
    """One limit a kind, whether it limits anybody or not."""
    return (
        _limit("key", settings.per_key),
        _limit("source", settings.per_source),
        _limit("type", settings.per_type),
    )


def _limit(kind: Kind, settings: LimitSettings) -> Limit:
    overrides = ((pattern, _rate(given)) for pattern, given in settings.overrides.items())
    return Limit(kind, _rate(settings), tuple(overrides))


def _rate(settings: RateSettings) -> Rate | None:
    if settings.rate is None:
        return None
    return Rate(settings.rate, settings.burst or max(1, math.ceil(settings.rate)))


def admission_settings(server: ServerSettings) -> AdmissionSettings:
    return AdmissionSettings(server.max_in_flight, server.max_in_flight_bytes)
