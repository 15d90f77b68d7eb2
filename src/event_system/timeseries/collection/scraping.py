"""Scraping: every target on its own interval, never twice at a time, isolated from the others."""

from __future__ import annotations

import asyncio
import logging
import threading
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

import httpx
import numpy as np

from event_system.kernel.clock import Clock
from event_system.kernel.errors import ScrapeError, StorageError
from event_system.kernel.tasks import end
from event_system.timeseries.collection.exposition import Exposition, Scraped
from event_system.timeseries.collection.fetching import Fetched, client_for, fetch
from event_system.timeseries.collection.jobs import (
    ScrapeJob,
    Target,
    TargetGroup,
    TargetKey,
    targets_of,
)
from event_system.timeseries.collection.recording import Appending, Recorder
from event_system.timeseries.collection.target_files import TargetFiles
from event_system.timeseries.collection.views import FileTally, Metadata, TargetHealth, TargetStatus

AT_ONCE = 4
"""Answers that are read and stored at the same time."""
LOOK_SECONDS = 1.0
"""How often files that name targets are looked at."""
_log = logging.getLogger(__name__)


class Scraper:
    """Scrapes the targets of all jobs from `start` to `stop`."""

    def __init__(
        self, jobs: Iterable[ScrapeJob], store: Appending, clock: Clock, tally: FileTally
    ) -> None:
        """Raises `ScrapeError` where a job's files are not to be had."""
        self._tally = tally
        self._threads = ThreadPoolExecutor(AT_ONCE, "scrape")
        self._looking = ThreadPoolExecutor(1, "target files")  # whose disk may hang
        self._jobs = [_Job(job, store, clock, self._threads) for job in jobs]
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def targets(self) -> list[TargetLoop]:
        """All of them, in the order of their configuration."""
        return [target for job in self._jobs for target in job.targets]

    def start(self) -> None:
        for job in self._jobs:
            job.start()
        self._tasks = [
            asyncio.get_running_loop().create_task(self._follow(job), name="target files")
            for job in self._jobs
            if job.job.files
        ]

    async def _follow(self, job: _Job) -> None:
        """Look at the files of a job, again and again, and scrape what they name."""
        files = [TargetFiles(each, self._tally, self._clock) for each in job.job.files]
        known: tuple[TargetGroup, ...] = ()
        while True:
            try:
                for each in files:
                    await asyncio.get_running_loop().run_in_executor(self._looking, each.look)
                found = tuple(group for each in files for group in each.groups)
                if found != known:
                    await job.take(found)
                    known = found
            except Exception as error:  # noqa: BLE001 - the next look tries again
                _log.exception("the target files of %s", job.job.name, exc_info=error)
            await asyncio.sleep(LOOK_SECONDS)

    async def stop(self) -> None:
        for task in self._tasks:
            await end(task)
        for job in self._jobs:
            job.cancel()
        for job in self._jobs:
            await job.stop()
        for threads in (self._looking, self._threads):
            threads.shutdown(wait=False, cancel_futures=True)

    def statuses(self) -> list[TargetStatus]:
        """All targets, in the order of their configuration."""
        return [target.status() for target in self.targets]

    def metadata(self) -> dict[str, Metadata]:
        """What the targets say of their metrics; where they disagree, one of them."""
        found: dict[str, Metadata] = {}
        for target in self.targets:
            found.update(target.metadata)
        return found


class _Job:
    """The targets of one job, and the client that asks them."""

    def __init__(self, job: ScrapeJob, store: Appending, clock: Clock, threads: Executor) -> None:
        """Raises `ScrapeError`."""
        self.job = job
        self._client = client_for(job)
        self._make = partial(
            TargetLoop, client=self._client, store=store, clock=clock, threads=threads
        )
        self._targets = {target.key: self._make(target) for target in targets_of(job)}
        self._tasks: dict[TargetKey, asyncio.Task[None]] = {}

    @property
    def targets(self) -> Iterable[TargetLoop]:
        return self._targets.values()

    def start(self) -> None:
        """Scrape the targets that are not scraped yet."""
        loop = asyncio.get_running_loop()
        for key, target in self._targets.items():
            if key not in self._tasks:
                name = f"scrape {target.target.url}"
                self._tasks[key] = loop.create_task(target.run(), name=name)

    async def take(self, groups: tuple[TargetGroup, ...]) -> None:
        """Scrape the targets of these groups of files; those that are gone end."""
        before, self._targets = self._targets, {}
        for target in targets_of(self.job, groups):
            kept = before.get(target.key)
            if kept is not None:
                kept.target = target  # what it was discovered with may be new
            self._targets[target.key] = kept or self._make(target)
        self.start()
        for key in before.keys() - self._targets.keys():
            await end(self._tasks.pop(key))
            await before[key].end()

    def cancel(self) -> None:
        for task in self._tasks.values():
            task.cancel()

    async def stop(self) -> None:
        for task in self._tasks.values():
            await end(task)
        await self._client.aclose()


class TargetLoop:
    """One target's scrapes."""

    def __init__(
        self,
        target: Target,
        client: httpx.AsyncClient,
        store: Appending,
        clock: Clock,
        threads: Executor,
    ) -> None:
        self.target = target
        self.metadata: dict[str, Metadata] = {}
        self._client = client
        self._clock = clock
        self._threads = threads
        self._exposition = Exposition(target.final)
        self._recorder = Recorder(store, dict(target.labels))
        self._last_us: int | None = None
        self._seconds = 0.0
        self._error = ""
        self._stored = True
        self._ended = False
        self._storing = threading.Lock()

    async def run(self) -> None:
        """Scrape on the interval, beginning at a moment of it that is the target's own."""
        interval = self.target.job.interval_seconds
        share = zlib.crc32(f"{self.target.url}{self.target.labels}".encode()) / 2**32
        due = self._clock.monotonic() + share * interval
        while True:
            await asyncio.sleep(max(0.0, due - self._clock.monotonic()))
            try:
                await self.scrape()
            except Exception as error:  # noqa: BLE001 - the next scrape tries again
                _log.exception("scraping %s failed", self.target.url, exc_info=error)
            late = self._clock.monotonic() - due
            due += interval * (1 + late // interval)  # what was missed is not made up for

    async def scrape(self) -> None:
        """Ask the target once, and store what it says, or that it says nothing."""
        now_us, began = self._clock.now_us(), self._clock.monotonic()
        fetched: Fetched | None = None
        error = ""
        try:
            fetched = await fetch(self._client, self.target, self._threads)
        except ScrapeError as failure:
            error = failure.detail
        seconds = self._clock.monotonic() - began
        error = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._take, now_us // 1000, seconds, fetched, error
        )
        self._last_us, self._seconds = now_us, seconds
        if error and not self._error:
            _log.warning("the target %s cannot be scraped: %s", self.target.url, error)
        self._error = error

    def _take(self, now_ms: int, seconds: float, fetched: Fetched | None, error: str) -> str:
        """In a thread; what is wrong, if something is."""
        with self._storing:
            return error if self._ended else self._taken(now_ms, seconds, fetched, error)

    def _taken(self, now_ms: int, seconds: float, fetched: Fetched | None, error: str) -> str:
        if fetched is not None:
            try:
                scraped = self._read(fetched, now_ms)
                self._store(scraped, now_ms, seconds)
            except ScrapeError as failure:
                error = failure.detail
            else:
                return ""
        self._told(lambda: self._recorder.fail(now_ms, _report(seconds, None, 0, up=0)))
        return error

    async def end(self) -> None:
        """End all of its series, when it is not scraped any more."""
        now_ms = self._clock.now_us() // 1000
        await asyncio.get_running_loop().run_in_executor(self._threads, self._end, now_ms)

    def _end(self, now_ms: int) -> None:
        """In a thread. Nothing is stored after it, not even by a scrape that it overtakes."""
        with self._storing:
            self._ended = True
            self._told(lambda: self._recorder.end(now_ms))

    def _read(self, fetched: Fetched, now_ms: int) -> Scraped:
        job = self.target.job
        scraped = self._exposition.read(fetched.text, now_ms, openmetrics=fetched.openmetrics)
        if job.sample_limit and len(scraped.labels) > job.sample_limit:
            raise ScrapeError(f"over {job.sample_limit} samples (sample_limit)")
        if not job.honor_timestamps:
            scraped.times = np.full(len(scraped.values), now_ms, np.int64)
            scraped.timed = set()
        return scraped

    def _store(self, scraped: Scraped, now_ms: int, seconds: float) -> None:
        self.metadata = scraped.metadata
        added = self._recorder.added(scraped.labels)
        self._told(
            lambda: self._recorder.record(
                now_ms,
                scraped.labels,
                scraped.times,
                scraped.values,
                scraped.timed,
                _report(seconds, scraped, added, up=1),
            )
        )

    def _told(self, store: Callable[[], None]) -> None:
        try:
            store()
        except StorageError as error:
            if self._stored:
                _log.error("what %s says cannot be stored: %s", self.target.url, error)
            self._stored = False
        else:
            self._stored = True

    def status(self) -> TargetStatus:
        target = self.target
        asked: TargetHealth = "down" if self._error else "up"
        return TargetStatus(
            target.discovered,
            target.labels,
            target.job.name,
            target.url,
            self._error,
            self._last_us,
            self._seconds,
            "unknown" if self._last_us is None else asked,
            target.job.interval_seconds,
            target.job.timeout_seconds,
        )


def _report(seconds: float, scraped: Scraped | None, added: int, *, up: int) -> dict[str, float]:
    """What is stored of each scrape itself, under Prometheus' names."""
    return {
        "up": up,
        "scrape_duration_seconds": seconds,
        "scrape_samples_scraped": 0 if scraped is None else scraped.seen,
        "scrape_samples_post_metric_relabeling": 0 if scraped is None else len(scraped.labels),
        "scrape_series_added": added,
    }
