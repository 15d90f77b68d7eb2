"""The numbers of alerting, under the names that Alertmanager's dashboards and rules know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from event_system.alerting.labels import quoted
from event_system.alerting.manager import AlertManager


async def exposition(manager: AlertManager, version: str) -> str:
    """Prometheus' text format."""
    states = await _states(manager)
    return "".join(
        line
        for name, kind, samples in _families(manager, version, states)
        for line in _lines(name, kind, samples)
    )


_Samples = Mapping[tuple[tuple[str, str], ...], float]


def _lines(name: str, kind: str, samples: _Samples) -> Iterator[str]:
    yield f"# TYPE {name} {kind}\n"
    for labels, value in samples.items():
        inner = ",".join(f"{key}={quoted(text)}" for key, text in labels)
        yield f"{name}{{{inner}}} {value:g}\n" if inner else f"{name} {value:.17g}\n"


def _families(
    manager: AlertManager, version: str, states: _Samples
) -> Iterator[tuple[str, str, _Samples]]:
    counts, configuration = manager.counts, manager.configuration
    integrations = [each for r in configuration.receivers.values() for each in r.integrations]
    api = ("version", "v2")
    yield "alertmanager_build_info", "gauge", {(("version", version),): 1}
    yield "alertmanager_alerts", "gauge", states
    yield (
        "alertmanager_alerts_received_total",
        "counter",
        {
            (("status", "firing"), api): counts.firing,
            (("status", "resolved"), api): counts.resolved,
        },
    )
    yield "alertmanager_alerts_invalid_total", "counter", {(api,): counts.invalid}
    yield "alertmanager_silences", "gauge", _silences(manager)
    yield "alertmanager_receivers", "gauge", {(): len(configuration.receivers)}
    yield "alertmanager_integrations", "gauge", {(): len(integrations)}
    yield "alertmanager_dispatcher_aggregation_groups", "gauge", {(): manager.group_count()}
    reloads = manager.reloads
    yield "alertmanager_config_last_reload_successful", "gauge", {(): float(reloads.succeeded)}
    yield (
        "alertmanager_config_last_reload_success_timestamp_seconds",
        "gauge",
        {(): reloads.at_us / 1_000_000},
    )
    yield from _sends(manager, sorted({each.kind for each in integrations}))


def _sends(manager: AlertManager, kinds: list[str]) -> Iterator[tuple[str, str, _Samples]]:
    numbers = manager.sender.numbers
    for name, counter in (
        ("alertmanager_notifications_total", numbers.sent),
        ("alertmanager_notifications_failed_total", numbers.failed),
        ("alertmanager_notification_requests_total", numbers.attempts),
        ("alertmanager_notification_requests_failed_total", numbers.failed_attempts),
    ):
        yield name, "counter", {(("integration", kind),): counter[kind] for kind in kinds}
    latency = "alertmanager_notification_latency_seconds"
    of = {kind: (("integration", kind),) for kind in kinds}
    yield f"{latency}_sum", "counter", {of[kind]: numbers.seconds[kind] for kind in kinds}
    yield f"{latency}_count", "counter", {of[kind]: numbers.sent[kind] for kind in kinds}


async def _states(manager: AlertManager) -> _Samples:
    now_us, muting = manager.now_us(), manager.muting()
    count = quiet = 0
    async for page in manager.in_turns():
        count += len(page)
        quiet += len(muting.quiet(page, now_us))
    return {
        (("state", "active"),): count - quiet,
        (("state", "suppressed"),): quiet,
        (("state", "unprocessed"),): 0,
    }


def _silences(manager: AlertManager) -> _Samples:
    now_us = manager.now_us()
    states = Counter(silence.state(now_us) for silence in manager.silences.all(now_us))
    return {(("state", state),): states[state] for state in ("active", "expired", "pending")}
