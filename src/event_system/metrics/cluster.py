"""The nodes of a cluster, as one of them sees them."""

from __future__ import annotations

from collections.abc import Callable

from event_system.metrics.manager import MetricsManager


def watch_cluster(
    manager: MetricsManager,
    *,
    nodes: Callable[[], int],
    lanes: Callable[[], int],
    clock_offset: Callable[[], float],
    given_up: Callable[[], int],
    taken: Callable[[], int],
    failed: Callable[[], int],
) -> None:
    """Register what is read at each scrape, on the loop."""
    gauge = manager.register_gauge_function
    gauge("cluster_nodes", "Nodes whose lease has not ended, this one included.", nodes)
    gauge("cluster_lanes_owned", "Lanes that this node has.", lanes)
    gauge(
        "cluster_clock_offset_seconds",
        "By how much this machine's clock is ahead of the database's.",
        clock_offset,
    )
    counters = {
        "cluster_nodes_given_up_total": ("Nodes that this one found gone.", given_up),
        "cluster_takeovers_total": ("Lanes, listeners and tasks that this node began with.", taken),
        "cluster_lease_renewals_failed_total": ("Renewals of the lease that failed.", failed),
    }
    for name, (text, number) in counters.items():
        manager.register_function("counter", name, text, (), _alone(number))


def _alone(number: Callable[[], int]) -> Callable[[], dict[tuple[str, ...], float]]:
    return lambda: {(): number()}
