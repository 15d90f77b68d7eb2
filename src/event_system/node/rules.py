"""The rules of a node: read, evaluated while it is the one that does, changed while it runs."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from event_system.kernel.clock import Clock
from event_system.kernel.errors import EventSystemError
from event_system.kernel.records import Records
from event_system.kernel.tasks import end
from event_system.metrics.manager import MetricsManager
from event_system.node.metrics_settings import MetricsSettings
from event_system.node.rule_files import groups_of
from event_system.node.rule_metrics import RuleMetrics
from event_system.node.rules_settings import RulesSettings
from event_system.node.settings import Settings
from event_system.node.time_series import login_of
from event_system.promql.engine import Engine
from event_system.rules.asking import OwnEngine
from event_system.rules.group_run import GroupRun
from event_system.rules.model import Group
from event_system.rules.ports import (
    AlertSink,
    OpenSink,
    Questions,
    SampleSink,
    without_login,
)
from event_system.rules.runner import RuleRunner
from event_system.rules.texts import Place

_log: Final = logging.getLogger(__name__)


class NodeRules:
    """`begin` where this node evaluates, `close` where it does no more. Loop thread only.

    `own` are the groups of the operator's files.
    """

    def __init__(
        self,
        settings: Settings,
        own: Sequence[Group],
        questions: Questions,
        sink: SampleSink,
        clock: Clock,
        metrics: MetricsManager,
    ) -> None:
        self._settings = settings
        self._own = own
        self._questions = questions
        told = RuleMetrics(metrics, lambda: self.runs)
        self._runner = RuleRunner(
            (), questions, sink, clock, place_of(settings), evaluated=told.evaluated
        )
        self._changes: set[asyncio.Task[None]] = set()

    @property
    def runs(self) -> Sequence[GroupRun]:
        """The groups as they are now; none before `begin`."""
        return self._runner.runs

    def trouble(self) -> str:
        """What keeps them from their work now; "" where nothing does."""
        return self._runner.trouble()

    async def begin(self, records: Records, alerts: AlertSink) -> None:
        """Take up the alerts that were kept, and evaluate. Raises `StorageError`."""
        await self._take_over()
        await self._runner.begin(records, alerts)

    async def close(self) -> None:
        """Evaluate no more; alerts stay kept as they are."""
        for task in list(self._changes):
            await end(task)
        await self._runner.close()

    def apply(self, settings: Settings, own: Sequence[Group]) -> None:
        """Go on with other rules; groups that are the same go on untouched."""
        if (settings.rules, own) == (self._settings.rules, self._own):
            return
        self._settings, self._own = settings, own
        task = asyncio.get_running_loop().create_task(self._change(), name="rules reload")
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)

    async def _change(self) -> None:
        try:
            await self._take_over()
        except EventSystemError as error:
            _log.error("rules: the new ones are not taken over: %s", error)

    async def _take_over(self) -> None:
        settings, own = self._settings, self._own
        groups = await self._questions.run(lambda: groups_of(settings.rules, own))
        interval_ms = round(settings.rules.interval.total_seconds() * 1000)
        await self._runner.replace(groups, interval_ms, place_of(settings))


def place_of(settings: Settings) -> Place:
    """What templates and reports say of where alerts come from, and how often samples do.

    Where a Prometheus answers their queries, it says when it has samples to nobody.
    """
    if (url := settings.metrics.query_url) is not None:
        return Place(settings.rules.external_labels, without_login(url.get_secret_value()))
    own = f"http://{socket.gethostname()}:{settings.server.port}"
    rounds_ms = settings.metrics.store.interval // timedelta(milliseconds=1)
    return Place(settings.rules.external_labels, own, rounds_ms)


def sink_of(settings: RulesSettings) -> OpenSink | None:
    """Who is told of alerts; None where the settings name nobody.

    Raises `ConfigurationError` and `ScrapeError` for files that are named and not to be had.
    """
    if not settings.alertmanagers:
        return None
    from event_system.rules.alertmanagers import Alertmanager, Alertmanagers
    from event_system.timeseries.collection.fetching import verified

    return Alertmanagers(
        [
            Alertmanager(
                each.url.get_secret_value(),
                each.timeout.total_seconds(),
                each.header(),
                verified(login_of(each)),
            )
            for each in settings.alertmanagers
        ]
    )


def questions_of(
    settings: MetricsSettings, engine: Engine, clock: Clock, settled: Callable[[], Awaitable[None]]
) -> Questions:
    """Who answers the queries of rules; to be closed at the end. `settled` as in `OwnEngine`."""
    if (url := settings.query_url) is None:
        return OwnEngine(engine, clock.monotonic, settled)
    from event_system.rules.remote import Address, PrometheusQuestions

    address = Address(url.get_secret_value(), settings.query_timeout.total_seconds())
    return PrometheusQuestions(address, clock.monotonic)
