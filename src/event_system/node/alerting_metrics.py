"""The numbers of alerting among a node's own, under the names that Alertmanager's users know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from event_system.alerting.manager import AlertManager
from event_system.metrics.manager import MetricsManager

Samples: TypeAlias = Mapping[tuple[str, ...], float]
"""A value for each tuple of label values."""
Read: TypeAlias = Callable[[AlertManager], Samples]


def watch_alerting(
    metrics: MetricsManager,
    running: Callable[[], AlertManager | None],
    states: Callable[[], Samples],
) -> None:
    """Register what is read at each scrape; nothing is told where alerting does not run here.

    `states` are numbers of alerts by their state: counting very many takes longer than a scrape may.
    """

    def told(read: Read) -> Callable[[], Samples]:
        def samples() -> Samples:
            manager = running()
            return {} if manager is None else read(manager)

        return samples

    gauge, counter = metrics.register_function, metrics.register_function
    gauge("gauge", "alertmanager_alerts", "Alerts that fire, by their state.", ["state"], states)
    counter(
        "counter",
        "alertmanager_alerts_received_total",
        "Reports of alerts that came in.",
        ["status", "version"],
        told(lambda m: {("firing", "v2"): m.counts.firing, ("resolved", "v2"): m.counts.resolved}),
    )
    counter(
        "counter",
        "alertmanager_alerts_invalid_total",
        "Reports of alerts that were refused.",
        ["version"],
        told(lambda m: {("v2",): m.counts.invalid}),
    )
    gauge("gauge", "alertmanager_silences", "Silences.", ["state"], told(_silences))
    gauge(
        "gauge",
        "alertmanager_dispatcher_aggregation_groups",
        "Groups of alerts.",
        [],
        told(lambda m: {(): m.group_count()}),
    )
    gauge(
        "gauge",
        "alertmanager_receivers",
        "Receivers of the configuration.",
        [],
        told(lambda m: {(): len(m.configuration.receivers)}),
    )
    _watch_sending(metrics, told)


async def states_of(manager: AlertManager) -> Samples:
    """Numbers of alerts by their state; others have their turn in between."""
    now_us, muting = manager.now_us(), manager.muting()
    count = quiet = 0
    async for page in manager.in_turns():
        count += len(page)
        quiet += len(muting.quiet(page, now_us))
    return {("active",): count - quiet, ("suppressed",): quiet}


def _silences(manager: AlertManager) -> Samples:
    now_us = manager.now_us()
    states = Counter(silence.state(now_us) for silence in manager.silences.all(now_us))
    return {(state,): states[state] for state in ("active", "expired", "pending")}


def _watch_sending(metrics: MetricsManager, told: Callable[[Read], Callable[[], Samples]]) -> None:
    def by_kind(of: Callable[[Any], Counter[str]]) -> Callable[[], Samples]:
        return told(lambda m: {(kind,): n for kind, n in of(m.sender.numbers).items()})

    for name, help_, of in (
        ("notifications", "Notifications.", lambda n: n.sent),
        ("notifications_failed", "Notifications that failed.", lambda n: n.failed),
        ("notification_requests", "Attempts to notify.", lambda n: n.attempts),
        ("notification_requests_failed", "Attempts that failed.", lambda n: n.failed_attempts),
    ):
        metrics.register_function(
            "counter", f"alertmanager_{name}_total", help_, ["integration"], by_kind(of)
        )
