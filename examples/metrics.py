"""Metrics of your own, beside those of the node at /metrics.

event-system serve --listeners examples/metrics.py
event-system trigger player.login --subject Mo
curl -s http://127.0.0.1:9090/metrics | grep ^my_
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from event_system import Event, MetricsManager, collector, listener, register_metrics


@register_metrics
def register(metrics: MetricsManager) -> None:
    """Runs once, at the start of the node, before its listeners do."""
    metrics.register_counter("my_business_events", "业务事件计数", "event_type")


@listener("player.*", "activity.*", name="business")
async def count(event: Event, metrics: MetricsManager) -> None:
    """Gets the node's metrics, as it has a parameter of that name."""
    metrics.increment_counter("my_business_events", 1, event.type)


def my_custom_collector(
    get_my_stats: Callable[[], Mapping[str, float]],
) -> Callable[[MetricsManager], None]:
    """Makes a collector of anything that tells numbers by name."""

    def collect(metrics: MetricsManager) -> None:
        if "my_custom_metric" not in metrics:
            metrics.register_gauge("my_custom_metric", "自定义指标", "label")
        for key, value in get_my_stats().items():
            metrics.set_gauge("my_custom_metric", value, key)

    return collect


def get_my_stats() -> dict[str, float]:
    """Stands for what your game knows about itself."""
    times = os.times()
    return {"user_seconds": times.user, "system_seconds": times.system}


collect_my_stats = collector(interval_seconds=10)(my_custom_collector(get_my_stats))
