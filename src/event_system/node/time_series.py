"""The time-series store of a node: opened, filled on the interval, cared for, closed."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from event_system.kernel.clock import Clock
from event_system.kernel.errors import (
    ConfigurationError,
    DataDirectoryError,
    EventSystemError,
    RemoteWriteBusyError,
)
from event_system.kernel.tasks import end
from event_system.metrics.manager import MetricsManager
from event_system.metrics.names import sample_name
from event_system.metrics.sending import Place, register_batches, watch_sending
from event_system.metrics.storage import watch_storage, watch_target_files
from event_system.node.metrics_settings import MetricsSettings, RemoteWriteSettings
from event_system.node.scrape_settings import (
    AccessSettings,
    RelabelSettings,
    ScrapeSettings,
    read_scrape_file,
)
from event_system.node.settings import Settings
from event_system.timeseries.collection.jobs import FileTargets, Login, ScrapeJob
from event_system.timeseries.collection.own import OwnMetrics
from event_system.timeseries.collection.ports import RemoteWriting, Scraping
from event_system.timeseries.collection.recording import Appending
from event_system.timeseries.collection.relabel import Relabel
from event_system.timeseries.collection.views import FileTally, Metadata, TargetStatus
from event_system.timeseries.options import StoreOptions
from event_system.timeseries.store import Store

CARE_SECONDS: Final = 60.0
MOST_WAITING: Final = 16
"""Requests of remote write that are held at a time."""
JOB: Final = "event-system"
_log = logging.getLogger(__name__)


class TimeSeries:
    """A store and what fills it. `start` once, `close` at the end."""

    @classmethod
    async def open(cls, settings: Settings, manager: MetricsManager, clock: Clock) -> TimeSeries:
        """Raises `DataDirectoryError`, and `ConfigurationError` for files that are named."""
        jobs = jobs_of(settings.metrics)
        kept = settings.metrics.store
        path = kept.path(settings.data_dir)
        options = StoreOptions(
            retention_ms=round(kept.retention.max_age.total_seconds() * 1000),
            retention_bytes=kept.retention.max_size,
            most_series=kept.max_series,
        )
        threads = ThreadPoolExecutor(1, "time series")
        try:
            loop = asyncio.get_running_loop()
            try:
                store = await loop.run_in_executor(threads, Store, path, options, clock)
            except OSError as error:
                raise DataDirectoryError(f"{path}: {error.strerror}") from error
            try:
                return cls(settings, manager, clock, store, jobs)
            except BaseException:
                store.close()
                raise
        finally:
            threads.shutdown(wait=False)

    def __init__(
        self,
        settings: Settings,
        manager: MetricsManager,
        clock: Clock,
        store: Store,
        jobs: list[ScrapeJob],
    ) -> None:
        self.store = store
        self._manager = manager
        self._clock = clock
        self._interval = settings.metrics.store.interval.total_seconds()
        instance = settings.node.name or f"{socket.gethostname()}:{settings.server.port}"
        node = {"job": JOB, "instance": instance}
        writers = _writers(settings.metrics.remote_write, register_batches(manager))
        watch_sending(manager, writers)
        self._writers = list(writers.values())
        self.sink = _sink(store, self._writers)
        # Threads of its own: listeners may hold all of the loop's.
        self._rounds = ThreadPoolExecutor(1, "time series")
        self._caring = ThreadPoolExecutor(1, "time series care")
        self._own = OwnMetrics(manager.samples, node, self.sink, clock, self._rounds)
        tally = FileTally()
        self._scraper = _scraper(jobs, self.sink, clock, tally) if jobs else None
        self._tasks: list[asyncio.Task[None]] = []
        self._round = asyncio.Lock()
        self._failed = False
        self._reading = ThreadPoolExecutor(1, "remote write")  # given up by a client, it goes on
        self._waiting = 0
        watch_storage(manager, lambda: store)
        watch_target_files(manager, tally)

    @property
    def failure(self) -> str | None:
        """Why samples cannot be stored now; None where they can."""
        return self.store.failure

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._each(self._interval, self._store_own), name="own metrics"),
            loop.create_task(self._each(CARE_SECONDS, self._care), name="time series"),
        ]
        for writer in self._writers:
            writer.start()
        if self._scraper is not None:
            self._scraper.start()

    async def _each(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Work at once, then at multiples of so many seconds by the wall clock."""
        while True:
            try:
                await work()
            except EventSystemError as error:
                self._tell(error)
            except Exception as error:  # noqa: BLE001 - the next round tries again
                _log.error("time series: %s", error, exc_info=error)
            else:
                self._failed = False
            await asyncio.sleep(seconds - self._clock.now_us() / 1e6 % seconds)

    def _tell(self, error: EventSystemError) -> None:
        if not self._failed:
            _log.error("metrics are not stored: %s", error)
        self._failed = True

    async def settled(self) -> None:
        """Wait for the node's own samples where they are just being stored."""
        async with self._round:
            return

    async def _store_own(self) -> None:
        async with self._round:
            await self._own.collect()
        await asyncio.get_running_loop().run_in_executor(self._rounds, self.store.sync)

    async def _care(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._caring, self.store.maintain)

    async def write(self, body: bytes) -> None:
        """Store a request of remote write, one at a time: each may take a gigabyte while it is read.

        Raises `RemoteWriteError`, `StorageError`, and `RemoteWriteBusyError` past `MOST_WAITING`.
        """
        if self._waiting >= MOST_WAITING:
            raise RemoteWriteBusyError(f"{MOST_WAITING} requests wait already")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._reading, self._write, body)
        finally:
            self._waiting -= 1

    def _write(self, body: bytes) -> None:
        from event_system.timeseries.remote.wire import decoded

        written = decoded(body)
        self.sink.append(written.labels, written.times, written.values)

    def targets(self) -> list[TargetStatus]:
        """What is scraped."""
        return [] if self._scraper is None else self._scraper.statuses()

    def metadata(self) -> dict[str, Metadata]:
        """What is known of the metrics: of the node's own, and of those of targets."""
        own = {
            sample_name(spec.name, spec.kind): Metadata(spec.kind, spec.help)
            for spec in self._manager.specs()
        }
        return own if self._scraper is None else {**self._scraper.metadata(), **own}

    async def close(self) -> None:
        """End what fills the store, and it: a merge under way is given up."""
        for task in self._tasks:
            await end(task)
        if self._scraper is not None:
            await self._scraper.stop()
        await asyncio.gather(*(writer.stop() for writer in self._writers))
        self.store.stop()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._caring, self.store.close)
        for threads in (self._reading, self._rounds, self._caring):
            threads.shutdown(wait=False, cancel_futures=True)


def _writers(
    receivers: Sequence[RemoteWriteSettings], batches: Callable[[Place], Callable[[float], None]]
) -> dict[Place, RemoteWriting]:
    """By what metrics call them."""
    if not receivers:
        return {}
    from event_system.timeseries.remote.sending import Receiver, RemoteWriter, place_of

    writers: dict[Place, RemoteWriting] = {}
    for number, each in enumerate(receivers):
        url = each.url.get_secret_value()
        receiver = Receiver(
            url,
            login_of(each),
            each.remote_timeout.total_seconds(),
            each.queue_samples,
            each.max_samples_per_send,
        )
        place = _remote_name(number, place_of(url)), place_of(url)
        writers[place] = RemoteWriter(receiver, batches(place))
    return writers


def _remote_name(number: int, url: str) -> str:
    """Six hex digits, as Prometheus has them: two receivers may differ in their tokens alone."""
    return hashlib.sha256(f"{number} {url}".encode()).hexdigest()[:6]


def _sink(store: Store, writers: Sequence[RemoteWriting]) -> Appending:
    if not writers:
        return store
    from event_system.timeseries.remote.forwarding import Forwarding

    return Forwarding(store, writers)


def login_of(access: AccessSettings) -> Login:
    """How a server is asked. Raises `ConfigurationError` for a file that cannot be read."""
    tls = access.tls_config
    read = access.header if access.is_in_file else None
    return Login(access.header(), read, tls.ca_file, tls.insecure_skip_verify)


def _scraper(jobs: list[ScrapeJob], store: Appending, clock: Clock, tally: FileTally) -> Scraping:
    """Imported late: a node that scrapes nobody need not load an HTTP client."""
    from event_system.timeseries.collection.scraping import Scraper

    return Scraper(jobs, store, clock, tally)


def jobs_of(settings: MetricsSettings) -> list[ScrapeJob]:
    """What is to be scraped. Raises `ConfigurationError`."""
    configs = list(settings.scrape_configs)
    if settings.scrape_config_file is not None:
        configs += read_scrape_file(Path(settings.scrape_config_file))
    names = [config.job_name for config in configs]
    if len(set(names)) < len(names):
        raise ConfigurationError(
            "a job of metrics.scrape_config_file has the name of one of metrics.scrape_configs",
            where="metrics.scrape_config_file",
        )
    return [_job(config) for config in configs]


def _job(config: ScrapeSettings) -> ScrapeJob:
    interval = 60.0 if config.scrape_interval is None else config.scrape_interval.total_seconds()
    timeout = 10.0 if config.scrape_timeout is None else config.scrape_timeout.total_seconds()
    return ScrapeJob(
        name=config.job_name,
        groups=tuple(
            (tuple(group.targets), tuple(group.labels.items())) for group in config.static_configs
        ),
        files=tuple(
            FileTargets(tuple(each.files), each.refresh_interval.total_seconds())
            for each in config.file_sd_configs
        ),
        interval_seconds=interval,
        timeout_seconds=min(timeout, interval),
        scheme=config.scheme,
        metrics_path=config.metrics_path,
        params=tuple((name, value) for name, values in config.params.items() for value in values),
        login=login_of(config),
        honor_labels=config.honor_labels,
        honor_timestamps=config.honor_timestamps,
        follow_redirects=config.follow_redirects,
        sample_limit=config.sample_limit,
        body_limit=config.body_size_limit or 64 * 1024 * 1024,
        relabel=tuple(map(_rule, config.relabel_configs)),
        metric_relabel=tuple(map(_rule, config.metric_relabel_configs)),
    )


def _rule(rule: RelabelSettings) -> Relabel:
    return Relabel(
        rule.action,
        tuple(rule.source_labels),
        rule.separator,
        rule.regex,
        rule.target_label,
        rule.replacement,
        rule.modulus,
    )
