"""The page docs/metrics.md: every metric with its meaning, unit, labels and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from event_system.metrics.declaring import RESERVED
from event_system.metrics.reference import browsers, core, machine, servers, traffic
from event_system.metrics.reference.entry import Entry
from event_system.metrics.reference.watching import watched_markdown

HEAD: Final = "| name | type | labels | unit | what it means | from |\n|---|---|---|---|---|---|\n"
INTRODUCTION: Final = """\
# Metrics

A node serves its metrics at `http://127.0.0.1:9090/metrics` (`metrics.host`, `metrics.port`;
`metrics.enabled: false` counts and serves none), for Prometheus and everything that reads its
format:

```yaml
scrape_configs:
  - job_name: event-system
    scrape_interval: 15s
    static_configs:
      - targets: ["127.0.0.1:9090"]
```

The answer is Prometheus text, or OpenMetrics where `Accept` asks for it, and gzipped where
`Accept-Encoding` allows it. There are no `_created` series. A scrape is written in steps of less
than a millisecond, between which the node does its work, so that scraping does not hold up events.

Rates are means over the last minute, or over the time since the start while that is shorter;
percentages of calls are over the last five minutes. Rates and means are renewed every second, what
the operating system tells every five. All others are read at the moment of the scrape.

`connection_errors`, `database_operations`, `redis_operations` and a few more are counters whose
names are known without `_total`: in OpenMetrics, where a counter cannot do without the suffix,
their type is `unknown`. This page is generated (`make docs`).
"""
PYTHON: Final = """Some names come from servers written in Go, and operators know them; the column says what Python
has in place."""
LISTENERS: Final = """A channel holds what was read ahead for one lane of one async listener
(`event.async_channel_size`). A full channel loses nothing: reading for it pauses until there is
room."""
SERVERS: Final = """What databases, Redis and brokers say of themselves: of the database and the Redis server that the node
itself uses, and of those that `metrics.collectors` names. Nodes with the role `ops` read them every
`metrics.collectors.interval`, so several of them show the same; `max without (instance)` makes one of
it. [Monitoring](monitoring.md) says how to name servers and what their user has to be allowed to do."""
BROWSERS: Final = """With `rum.enabled`: what [visitors of web pages](monitoring.md#what-visitors-experience) experience. The
share of visits that bounce is
`1 - sum(rate(rum_visits_continued_total[1h])) / sum(rate(rum_visits_total[1h]))`."""
OWN: Final = """A metric has at most 1,000 sets of label values. What comes after them is counted under the label
value `__other__`, so that no client can fill the memory with made-up event types."""
STORE: Final = """Of the store that keeps [metrics over time](metrics-store.md), on nodes with the role `ops`."""
RULES: Final = """Of the node that evaluates [rules](promql.md), under the names of Prometheus."""
ALERTS: Final = """Of the node that looks after [alerts](alerting.md), under the names of Prometheus' Alertmanager."""
INCIDENTS: Final = (
    """Of the node that looks after [incidents](incidents.md), since it has begun to."""
)
CACHE: Final = """What [listeners cache](caching.md)."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what stands under it, and tables."""

    title: str
    tables: tuple[tuple[Entry, ...], ...]
    text: str = ""

    def markdown(self) -> str:
        tables = [HEAD + "\n".join(entry.line() for entry in table) for table in self.tables]
        return "\n\n".join(filter(None, (f"## {self.title}", self.text, *tables)))


SECTIONS: Final = (
    Section("Events", (core.EVENTS,)),
    Section("Events and schedules with a time", (core.TIMES,)),
    Section("Listeners and their queues", (core.LISTENING,), LISTENERS),
    Section("A game's events", (core.BUSINESS,)),
    Section("HTTP and connections", (traffic.REQUESTS,)),
    Section("The database", (traffic.STORES,)),
    Section("Redis", (traffic.REMOTE,)),
    Section("The cluster", (traffic.NODES,)),
    Section("The cache", (traffic.CACHED,), CACHE),
    Section("The time-series store", (traffic.STORED,), STORE),
    Section("Rules", (traffic.EVALUATED,), RULES),
    Section("Alerting", (traffic.ALERTED,), ALERTS),
    Section("Incidents", (traffic.ANSWERED,), INCIDENTS),
    Section("Machine and process", (machine.PROCESS,), PYTHON),
    Section(
        "Servers around the node",
        (servers.DATABASES, servers.REDIS_SERVERS, servers.QUEUES),
        SERVERS,
    ),
    Section("Web pages", (browsers.PAGES,), BROWSERS),
    Section("The metrics themselves", (machine.OWN,), OWN),
)


def every_entry() -> list[Entry]:
    """All metrics of a node on which everything is switched on."""
    return [entry for section in SECTIONS for table in section.tables for entry in table]


def metrics_markdown() -> str:
    """The whole page."""
    parts = [INTRODUCTION.rstrip(), *(section.markdown() for section in SECTIONS)]
    watching = f"## What to watch\n\n{watched_markdown()}"
    return "\n\n".join([*parts, watching, _reserved(), IN_CODE.strip()])


def _reserved() -> str:
    prefixes = ", ".join(f"`{prefix}`" for prefix in RESERVED)
    return f"""## Reserved names

Names that begin with {prefixes} are kept for what the node will say of achievements, governance and
chains: listeners' modules cannot register them."""


IN_CODE: Final = """
## In code

`MetricsManager` registers metrics and changes them by name; on hot paths keep the child, whose `add`
and `observe` take a tenth of a microsecond:

```python
from event_system.metrics.manager import MetricsManager

manager = MetricsManager()
manager.register_counter("my_business_events", "Business events.", "event_type")
manager.increment_counter("my_business_events", 1, "login")

load = manager.register_histogram("load_seconds", "Time to load.", buckets=(0.1, 0.5, 1))
fast = load.child()
fast.observe(0.25)
```

A module of listeners has metrics of its own where it declares them; a listener gets the manager as
its parameter `metrics`, on the event loop, in a thread or in a worker process:

```python
from event_system import Event, MetricsManager, collector, listener, register_metrics


@register_metrics
def register(metrics: MetricsManager) -> None:
    metrics.register_counter("my_business_events", "Business events.", "event_type")
    metrics.register_gauge("guilds_open", "Guilds that take members.")


@listener("player.*", name="business")
async def handle(event: Event, metrics: MetricsManager) -> None:
    metrics.increment_counter("my_business_events", 1, event.type)


@collector(interval_seconds=10, deadline_seconds=5)
def guilds(metrics: MetricsManager) -> None:
    metrics.set_gauge("guilds_open", 3)
```

What is counted in worker processes is added to the node's metrics five times a second, so a process
that crashes takes along what it counted in the last 0.2 s, and nothing else; gauges of processes add up
while these live, and summaries stay where they are.

`examples/metrics.py` is such a module: `event-system serve --listeners examples/metrics.py`. A
collector that is a plain function runs in a thread, where it may wait; an `async def` runs on the
event loop and is cancelled at its deadline. One that raises or hangs is counted and harms no other,
and none is called while its last call is still under way. In a program of your own the same is
`MetricsCollector`:

```python
from event_system import MetricsCollector, MetricsManager
from event_system.kernel.clock import SystemClock


def queue_length(metrics: MetricsManager) -> None:
    if "my_queue_length" not in metrics:
        metrics.register_gauge("my_queue_length", "Jobs that wait.")
    metrics.set_gauge("my_queue_length", 0)


async def main() -> None:
    collector = MetricsCollector(MetricsManager(), SystemClock(), interval_seconds=10)
    collector.add_collector(queue_length)
    collector.start()
    await collector.stop()
```

- Counters are exposed with the suffix `_total`, whether their name has it or not; with
  `exact=True` under just their name.
- Wrong names, labels, kinds and values, and names that are taken, raise `MetricError`
  ([metric.invalid](errors.md)).
- Changes may come from any thread; none is lost.
- `register_summary` has quantiles of the last minutes (`quantiles=(0.5, 0.9, 0.95, 0.99)`,
  `window_seconds=300`), from t-digests: the ranks near the ends are right to a thousandth.
- `manager.include(registry)` shows what a registry of `prometheus_client` has, too;
  `registry.register(manager.as_collector())` shows these metrics there.
- `manager.samples()` tells the value of every series.
- A histogram's child can `exemplify(value, trace_id)`: OpenMetrics then names that trace at the
  value's bucket, as it does at the latencies of events that came with a `traceparent`.

See [logging](logging.md) for what the node writes.
"""
