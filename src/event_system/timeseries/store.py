"""The store: a head in memory with its journal, blocks on disk, and one way to read all of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from event_system.kernel.clock import Clock
from event_system.kernel.errors import StorageError, TooManySamplesError
from event_system.promql.ports import Labels, Matcher, Samples, Series
from event_system.timeseries.batches import Batch
from event_system.timeseries.blocks import Block, Budget, Damage
from event_system.timeseries.columns import Times, Values
from event_system.timeseries.directory import StoreDirectory
from event_system.timeseries.expiry import CautiousClock, Kept, expired
from event_system.timeseries.generations import Generations
from event_system.timeseries.index import ANY_NUMBER, NEVER, UNKNOWN, Refs, SeriesIndex, distinct
from event_system.timeseries.merging import Extent, merged_series, plan_merge
from event_system.timeseries.options import MINUTE_MS, StoreOptions
from event_system.timeseries.reading import of_head, of_parts
from event_system.timeseries.tally import Tally
from event_system.timeseries.unpacked import Unpacked

MOST_DAMAGE: Final = 1000
FORGET_FROM: Final = 10_000
"""Series without samples are forgotten once so many are known and over half of them are such."""
_log = logging.getLogger(__name__)


class Store:
    """Samples of labelled series in a directory of its own.

    All methods block and may be called from several threads. Reading goes on while samples are
    appended and while blocks are written.
    """

    def __init__(self, directory: Path, options: StoreOptions, clock: Clock) -> None:
        """Open the directory, or make it. Raises `DataDirectoryError`.

        What is damaged is in `damage`, and everything else can be read.
        """
        self.options = options
        self.tally = Tally()
        self.damage: list[Damage] = []
        self.failure: str | None = None
        """Why the newest attempt to write failed; None where it did not."""
        self._clock = clock
        self._writing = threading.Lock()  # one batch, one new block at a time
        self._state = threading.Lock()  # guards what readers look at; held for moments
        self._maintaining = threading.Lock()
        self._closed = False  # looked at and set with the locks of writing and of care
        self._stopping = False
        self._unpacked = Unpacked()
        self.index = SeriesIndex()
        self._directory = StoreDirectory(directory)
        try:
            self._blocks = self._directory.open_blocks(self._refs, self._found)
            self._heads = Generations(self._directory, options)
            for path in self._directory.journals():
                self._heads.replay(path, self.index, self._found)
            for block in self._blocks:  # afterwards: a journal has nothing that is in a block
                self._have_seen(block)
            self._heads.open()
        except BaseException:
            self._directory.close()
            raise
        known_ms = clock.now_us() // 1000 if self.newest_ms is None else self.newest_ms
        self._cautious = CautiousClock(known_ms, clock.monotonic())

    def _refs(self, labels: list[Labels]) -> Refs:
        return self.index.refs(labels, ANY_NUMBER)

    def _found(self, damage: Damage) -> None:
        if len(self.damage) < MOST_DAMAGE:
            self.damage.append(damage)
        _log.error(
            "the time-series file %s is damaged at byte %d, which costs %s",
            *(damage.file, damage.at, damage.what),
        )

    def _have_seen(self, block: Block) -> None:
        newest = self.index.newest_ms
        for group in block.groups:
            newest[group.refs] = np.maximum(newest[group.refs], group.last_ms)

    # Numbers

    @property
    def newest_ms(self) -> int | None:
        """The time of the newest sample; None without any."""
        newest = int(self.index.newest_ms.max())
        return None if newest == NEVER else newest

    @property
    def bytes(self) -> int:
        """What the store takes on the disk."""
        return sum(block.bytes for block in self._blocks) + self._heads.bytes

    @property
    def head_series(self) -> int:
        """Series with samples in the head."""
        return self._heads.series

    @property
    def block_count(self) -> int:
        return len(self._blocks)

    @property
    def damaged_parts(self) -> int:
        """How much of its files cannot be read, as far as that is known."""
        return len(self.damage)

    # Writing

    def append(self, labels: Sequence[Labels], times: Times, values: Values) -> int:
        """Store samples, one of each series named; how many were taken.

        A series may come several times, in order. Samples that are older than their series' newest
        or too far ahead of the clock, and new series over the limit, are counted in `tally` and
        left out. They are in the journal afterwards, and durable after `sync`. Raises
        `StorageError` where that cannot be written; then nothing is stored.
        """
        return int(self.accept(labels, times, values).sum())

    def accept(self, labels: Sequence[Labels], times: Times, values: Values) -> NDArray[np.bool_]:
        """The same as `append`, and which of the samples were taken."""
        if not len(labels):
            return np.empty(0, bool)
        with self._writing:
            self._want_open()
            try:
                self._look_back(int(times.max()))
                taken, batch = self._acceptable(labels, times, values)
                for part in batch.parts(self.options.head_samples):
                    self._append(part)
            except OSError as error:
                self.tally.failed += len(labels)
                raise self._failed("samples cannot be stored", error) from error
            self.failure = None
            return taken

    def _look_back(self, newest_ms: int) -> None:
        """Where the clock was set back, begin anew: what is ahead of it stays, in a block."""
        now_ms, ahead = self._clock.now_us() // 1000, self.newest_ms
        limit = now_ms + self.options.future_ms
        if ahead is None or ahead <= limit or newest_ms > limit:
            return
        _log.warning("the clock was set back by %d s; samples begin anew", (ahead - now_ms) // 1000)
        self._cut()
        with self._state:
            np.minimum(self.index.newest_ms, now_ms - MINUTE_MS, out=self.index.newest_ms)

    def _acceptable(
        self, labels: Sequence[Labels], times: Times, values: Values
    ) -> tuple[NDArray[np.bool_], Batch]:
        """Which can be stored, and those; the rest is counted. A series is known once it has a sample."""
        far = times > self._clock.now_us() // 1000 + self.options.future_ms
        never = times == NEVER
        self.tally.future += int(far.sum())
        self.tally.out_of_order += int(never.sum())
        taken = ~far & ~never
        with self._state:
            refs = self.index.refs([*compress(labels, taken)], self.options.most_series)
        known = refs != UNKNOWN
        self.tally.series_limit += int((~known).sum())
        batch = Batch(refs, times[taken], values[taken]).where(known)
        taken[taken] = known
        fresh = batch.newer_than(self.index.newest_ms)
        self.tally.duplicate += int(fresh.same.sum())
        self.tally.out_of_order += int((~fresh.later & ~fresh.same).sum())
        taken[taken] = fresh.later
        return taken, batch.where(fresh.later)

    def _append(self, batch: Batch) -> None:
        """Raises `OSError`."""
        if not self._heads.has_room(batch):
            self._cut()
        self._heads.write(batch, self.index)
        with self._state:
            self._heads.take(batch, self.index)
        self.tally.appended += len(batch)

    def _failed(self, what: str, error: OSError) -> StorageError:
        self.failure = f"{what}: {error.strerror or error}"
        return StorageError(self.failure, where=str(self._directory.path))

    def _want_open(self) -> None:
        """To be asked with the lock: a thread may come after the end of the store."""
        if self._closed:
            raise self._is_closed()

    def _is_closed(self) -> StorageError:
        return StorageError("the store is closed", where=str(self._directory.path))

    def sync(self) -> None:
        """Make what was appended durable. Raises `StorageError`."""
        with self._writing:
            self._want_open()
            try:
                self._heads.sync()
            except OSError as error:
                raise self._failed("samples cannot be brought to the disk", error) from error

    def add_history(self, series: Sequence[Series]) -> None:
        """Store older samples as a block of their own; each series rising, with labels of its own.

        Where there is a sample at the same time already, that one counts. Raises `StorageError`.
        """
        series = sorted(
            (each for each in series if len(each.times)),
            key=lambda each: (len(each.times), each.times.tobytes(), each.labels),
        )
        if not series:
            return
        with self._writing:
            self._want_open()
            try:
                path = self._directory.write_history(self._until_stopped(series))
                block = self._directory.open_block(path, self._locked_refs, self._found)
            except OSError as error:
                raise self._failed("history cannot be stored", error) from error
            with self._state:
                self._have_seen(block)
                self._blocks = [*self._blocks, block]
        self.tally.appended += block.samples

    def _locked_refs(self, labels: list[Labels]) -> Refs:
        with self._state:
            return self._refs(labels)

    def _cut(self) -> None:
        """Make a block of the head, and begin with an empty one. Raises `OSError`."""
        if self._heads.is_empty:
            return
        path = self._heads.write_block(self._until_stopped(self._heads.contents(self.index.label)))
        block = self._directory.open_block(path, self._locked_refs, self._found)
        with self._state:
            self._blocks = [*self._blocks, block]
            self._heads.forget()
        self._heads.open()

    # Care

    def maintain(self) -> None:
        """Write, merge and delete blocks where that is due. To be called about every minute.

        Raises `StorageError` where the disk does not let it; the store goes on as it is.
        """
        with self._maintaining:
            self._want_open()
            try:
                with self._writing:
                    if self._heads.is_due():
                        self._cut()
                while self._merge():
                    pass
                self._expire()
            except OSError as error:
                raise self._failed("blocks cannot be written", error) from error

    def _merge(self) -> bool:
        sound = [block for block in self._blocks if not block.harmed]
        numbered = {self._directory.span_of(block.path): block for block in sound}
        extents = [
            Extent(*span, block.min_ms, block.samples) for span, block in numbered.items() if span
        ]
        plan = plan_merge(extents, self._heads.min_ms)
        if plan is None:
            return False
        merged = [
            block for span, block in numbered.items() if span and plan[0] <= span[0] <= plan[1]
        ]
        path = self._directory.block_path(*plan)
        self._directory.write(path, self._until_stopped(merged_series(merged, self.index.labels)))
        if any(block.harmed for block in merged):  # found now; the sources keep what they have
            path.unlink()
            return True
        whole = self._directory.open_block(path, self._locked_refs, self._found)
        with self._state:
            self._blocks = [block for block in self._blocks if block not in merged] + [whole]
        self._directory.delete(block.path for block in merged)
        return True

    def _expire(self) -> None:
        options = self.options
        now_ms = self._cautious.now_ms(self._clock.now_us() // 1000, self._clock.monotonic())
        blocks = [Kept(block.name, block.max_ms, block.bytes) for block in self._blocks]
        names = expired(
            blocks, now_ms, options.retention_ms, options.retention_bytes, self._heads.bytes
        )
        gone = [block for block in self._blocks if block.name in names]
        with self._writing, self._state:
            self._blocks = [block for block in self._blocks if block not in gone]
            self._forget_series()
        if gone:
            self._directory.delete(block.path for block in gone)

    def _forget_series(self) -> None:
        """Where many are without samples, or where new ones would be refused for such."""
        full = len(self.index) >= self.options.most_series
        if not full and len(self.index) <= FORGET_FROM:
            return
        live = distinct(np.concatenate([self._heads.refs(), *(b.refs for b in self._blocks)]))
        if len(self.index) > (len(live) if full else 2 * len(live)):
            self.index.keep(live)

    def check(self) -> list[Damage]:
        """Read everything that is on the disk; all the damage that is known then."""
        for block in list(self._blocks):
            block.check()
        return list(self.damage)

    def stop(self) -> None:
        """Let a block that is being written, and any later one, end soon with `StorageError`.

        Nothing is lost: what it was to hold stays where it is. `close` does the same.
        """
        self._stopping = True

    def _until_stopped(self, series: Iterable[Series]) -> Iterator[Series]:
        for each in series:
            if self._stopping:
                raise self._is_closed()
            yield each

    def close(self) -> None:
        """Bring everything to the disk and let the directory go; a second time nothing is done.

        Whoever writes afterwards gets `StorageError`.
        """
        self.stop()
        with self._maintaining, self._writing:
            if self._closed:
                return
            self._closed = True
            self._heads.close()
            self._directory.close()

    # Reading; see `promql.ports.SampleSource`

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, most_samples: int
    ) -> Samples:
        budget = Budget(
            most_samples, lambda: TooManySamplesError(f"over {most_samples} samples match")
        )
        with self._state:
            refs, blocks, labels = self.index.find(matchers), self._blocks, self.index.labels
            head = self._heads.window(refs, self.index.newest_ms, start_ms, end_ms)
        budget.spend(len(head))
        near = [block for block in blocks if block.min_ms <= end_ms and block.max_ms >= start_ms]
        if not near:
            return of_head(head, labels)
        own = [block for block in near if self._directory.span_of(block.path)]
        history = [block for block in near if block not in own]

        def read(block: Block) -> Iterator[tuple[int, Times, Values]]:
            return block.read(refs, start_ms, end_ms, budget, self._unpacked)

        parts = chain(
            *map(read, _by_time(own)),
            head.parts(),
            *map(read, _by_time(history)),
        )
        return of_parts(parts, labels)

    def series(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Labels]:
        with self._state:
            refs, blocks = self.index.find(matchers), self._blocks
            found = [self._heads.overlapping(refs, self.index.newest_ms, start_ms, end_ms)]
        found += [block.overlapping(refs, start_ms, end_ms) for block in blocks]
        labels = [self.index.labels[ref] for ref in distinct(np.concatenate(found)).tolist()]
        return sorted(each for each in labels if each is not None)

    def label_names(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[str]:
        labels = self.series(matchers, start_ms, end_ms)
        return sorted({name for each in labels for name, _ in each})

    def label_values(
        self, name: str, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> list[str]:
        labels = self.series(matchers, start_ms, end_ms)
        return sorted({value for each in labels for label, value in each if label == name})


def _by_time(blocks: Sequence[Block]) -> list[Block]:
    return sorted(blocks, key=lambda block: block.min_ms)
