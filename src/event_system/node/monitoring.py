"""Queries and rules over a node's time series, and what its API tells of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from event_system.http.prometheus.monitoring import Json, Monitoring, Targets
from event_system.kernel.clock import Clock, rfc3339
from event_system.kernel.records import Records
from event_system.metrics.manager import MetricsManager
from event_system.node.promql_settings import PromqlSettings
from event_system.node.rule_views import NEVER, alert_views, group_view
from event_system.node.rules import NodeRules, questions_of, sink_of
from event_system.node.settings import Settings
from event_system.node.time_series import TimeSeries
from event_system.promql.engine import Engine, Limits
from event_system.promql.evaluator import Rules
from event_system.rules.model import Group
from event_system.rules.ports import AlertSink
from event_system.rules.storing import StoredResults
from event_system.timeseries.collection.views import TargetStatus


def limits_of(settings: PromqlSettings) -> Limits:
    """The limits of the engine."""
    rules = Rules(
        lookback_ms=round(settings.lookback.total_seconds() * 1000),
        closed=settings.windows == "closed",
        max_samples=settings.max_samples,
        max_values=settings.max_values,
    )
    return Limits(settings.max_steps, settings.timeout.total_seconds(), settings.concurrency, rules)


class Observing:
    """The query engine and the rules of a node. `start` once, `close` at the end, when rules rest."""

    def __init__(
        self,
        settings: Settings,
        own: Sequence[Group],
        time_series: TimeSeries,
        metrics: MetricsManager,
        clock: Clock,
    ) -> None:
        """`own` are the groups of rules of the operator's files."""
        self._time_series = time_series
        engine = Engine(time_series.store, limits_of(settings.promql), clock.monotonic)
        self._engine = engine
        self._questions = questions_of(settings.metrics, engine, clock, time_series.settled)
        sink = StoredResults(time_series.sink)
        self.rules = NodeRules(settings, own, self._questions, sink, clock, metrics)
        self._told = sink_of(settings.rules)
        retention = settings.metrics.store.retention.max_age
        self.view = Monitoring(
            engine,
            clock.now_us(),
            metadata=self._metadata,
            targets=self._targets,
            rules=lambda: [group_view(run) for run in self.rules.runs],
            alerts=lambda: alert_views(self.rules.runs),
            retention=f"{round(retention.total_seconds())}s",
        )

    def start(self) -> None:
        """Tell others of alerts, where the settings name some."""
        if self._told is not None:
            self._told.start()

    async def evaluate(self, records: Records, alerts: AlertSink) -> None:
        """Evaluate the rules from now on; as `NodeRules.begin`.

        `alerts` is told of alerts where the settings name nobody else.
        """
        await self.rules.begin(records, self._told or alerts)

    def trouble(self) -> str:
        """What keeps the rules from their work now; "" where nothing does."""
        told = "" if self._told is None else self._told.trouble()
        return "; ".join(filter(None, (self.rules.trouble(), told)))

    async def rest(self) -> None:
        """Evaluate no more; it may begin again."""
        await self.rules.close()

    async def close(self) -> None:
        """Queries that run are answered no more."""
        if self._told is not None:
            await self._told.stop()
        self._questions.close()
        self._engine.close()

    def _metadata(self) -> Mapping[str, Sequence[Json]]:
        known = self._time_series.metadata()
        return {
            name: [{"type": each.type, "help": each.help, "unit": each.unit}]
            for name, each in known.items()
        }

    def _targets(self) -> Targets:
        return Targets(active=[_target(status) for status in self._time_series.targets()])


def _target(status: TargetStatus) -> Json:
    last = status.last_scrape_us
    return {
        "discoveredLabels": dict(status.discovered),
        "labels": dict(status.labels),
        "scrapePool": status.pool,
        "scrapeUrl": status.url,
        "globalUrl": status.url,
        "lastError": status.error,
        "lastScrape": NEVER if last is None else rfc3339(last),
        "lastScrapeDuration": status.last_seconds,
        "health": status.health,
        "scrapeInterval": f"{status.interval_seconds:g}s",
        "scrapeTimeout": f"{status.timeout_seconds:g}s",
    }
