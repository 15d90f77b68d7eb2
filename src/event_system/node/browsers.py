"""What is measured in browsers, put together."""

from __future__ import annotations

from collections.abc import Callable

from event_system.metrics.manager import MetricsManager
from event_system.metrics.rum import PageMetrics
from event_system.node.rum_settings import BrowserSettings
from event_system.rum.intake import BeaconIntake


def beacon_intake(
    settings: BrowserSettings, manager: MetricsManager, monotonic: Callable[[], float]
) -> BeaconIntake | None:
    """What takes beacons, with metrics of its own; None where nothing is measured."""
    given = settings.intake()
    return None if given is None else BeaconIntake(given, PageMetrics(manager), monotonic)
