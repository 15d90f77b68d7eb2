"""The head and the journals that hold the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from event_system.promql.ports import Labels, Series
from event_system.timeseries.batches import Batch
from event_system.timeseries.blocks import Damage
from event_system.timeseries.columns import Times
from event_system.timeseries.directory import StoreDirectory
from event_system.timeseries.head import Head, Window
from event_system.timeseries.index import ANY_NUMBER, Refs, SeriesIndex, distinct
from event_system.timeseries.journal import Journal, Replay
from event_system.timeseries.options import StoreOptions


class Generations:
    """The samples since the newest block: in memory, and in one journal or, after a restart, more.

    Whoever calls sees to it that samples are not taken and read at the same time.
    """

    def __init__(self, directory: StoreDirectory, options: StoreOptions) -> None:
        self._directory = directory
        self._options = options
        self._head = self._empty()
        self._old: list[Path] = []
        self._old_bytes = 0
        self._journal: Journal | None = None

    def _empty(self) -> Head:
        return Head(self._options.head_samples, self._options.most_series)

    @property
    def min_ms(self) -> int | None:
        return self._head.min_ms

    @property
    def bytes(self) -> int:
        return self._old_bytes + (self._journal.size if self._journal else 0)

    @property
    def series(self) -> int:
        return len(self._head.refs())

    @property
    def is_empty(self) -> bool:
        return self._head.samples == 0

    def is_due(self) -> bool:
        """Whether the head is to become a block."""
        head, options = self._head, self._options
        return head.samples >= options.head_samples or head.span_ms >= options.head_ms

    def has_room(self, batch: Batch) -> bool:
        """Whether the head can take a batch."""
        return self._head.has_room(len(batch), len(distinct(batch.refs)))

    # Life of a generation

    def replay(self, path: Path, index: SeriesIndex, found: Callable[[Damage], None]) -> None:
        """Take over a journal of before."""
        replay = Replay(path, lambda labels: index.refs(labels, ANY_NUMBER))
        for batch in replay.batches():
            kept = batch.where(batch.newer_than(index.newest_ms).later)
            while not self.has_room(kept):
                self._head.enlarge()
            self.take(kept, index)
        if replay.unnamed:
            found(Damage(path.name, 0, f"{replay.unnamed} samples of series that are not named"))
        for each in replay.damage:
            found(each)
        self._old.append(path)
        self._old_bytes += path.stat().st_size

    def open(self) -> None:
        """Begin a journal. Raises `OSError`."""
        self._journal = Journal(self._directory.new_journal())

    def write(self, batch: Batch, index: SeriesIndex) -> None:
        """Write a batch into the journal. Raises `OSError`: then nothing is stored."""
        if self._journal is None:  # the disk was full when it was to begin
            self.open()
        assert self._journal is not None
        new = {ref: index.label(ref) for ref in self._journal.unnamed(batch.refs)}
        self._journal.append(batch, new)

    def take(self, batch: Batch, index: SeriesIndex) -> None:
        """Into the head what was written; each series rising, later than all before."""
        runs = batch.runs()
        self._head.append(runs)
        index.newest_ms[runs.refs] = runs.last_ms

    def sync(self) -> None:
        if self._journal is not None:
            self._journal.sync()

    def write_block(self, contents: Iterable[Series]) -> Path:
        """Write the head's contents as a block. What is raised leaves everything as before."""
        path = self._directory.block_of(self._journals())
        self._directory.write(path, contents)
        return path

    def _journals(self) -> list[Path]:
        return [*self._old, *([self._journal.path] if self._journal else [])]

    def contents(self, label: Callable[[int], Labels]) -> Iterator[Series]:
        """All series, those that begin and end together one after the other."""
        refs = self._head.refs()
        for ref in self._head.by_extent(refs).tolist():
            times, values = self._head.read(ref)
            yield Series(label(ref), times, values)

    def forget(self) -> None:
        """Begin with an empty head; what was there is in a block now."""
        journals = self._journals()
        if self._journal is not None:
            self._journal.close()
        self._journal, self._old, self._old_bytes = None, [], 0
        self._head = self._empty()
        self._directory.delete(journals)

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
        self._journal = None

    # Reading

    def refs(self) -> Refs:
        return self._head.refs()

    def overlapping(self, refs: Refs, newest_ms: Times, start_ms: int, end_ms: int) -> Refs:
        return self._head.overlapping(refs, newest_ms, start_ms, end_ms)

    def window(self, refs: Refs, newest_ms: Times, start_ms: int, end_ms: int) -> Window:
        """Their samples in the span."""
        near = self._head.overlapping(refs, newest_ms, start_ms, end_ms)
        return self._head.window(near, start_ms, end_ms)
