"""What the head holds, on disk: every batch is written here before it counts.

A journal is one file a generation of the head. Its frames either name series (up to 64, so that
damage costs no more of them) or hold samples of such series.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from event_system.promql.ports import Labels
from event_system.timeseries.batches import Batch
from event_system.timeseries.blocks import BlockFile, Damage, sync_directory
from event_system.timeseries.frames import Gap, frames, pack_frame, squeeze, unsqueeze
from event_system.timeseries.index import UNKNOWN, Refs

MARK: Final = b"TSj1"
NAMED_AT_ONCE: Final = 64
SAMPLES_AT_ONCE: Final = 1_000_000


class Names(msgspec.Struct, frozen=True, array_like=True, tag="n"):
    """Series by number."""

    refs: list[int]
    labels: list[list[str]]


class Samples(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    """Samples as three columns, the values of one type each, in this machine's order."""

    refs: bytes
    times: bytes
    values: bytes


Entry = Names | Samples
_decoder = msgspec.msgpack.Decoder(Entry)


class Journal:
    """The journal of the head's newest part, for one writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o644)
        self._named: set[int] = set()
        self._length = 0
        self._synced = 0
        sync_directory(path.parent)

    @property
    def size(self) -> int:
        return self._length

    def append(self, batch: Batch, labels: dict[int, Labels]) -> None:
        """Write a batch; `labels` are those of its series. Raises `OSError`: nothing is kept."""
        new = {ref: each for ref, each in labels.items() if ref not in self._named}
        data = b"".join([*_named(new), *_sampled(batch)])
        try:
            self._write(data)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._length)
            raise
        self._length += len(data)
        self._named.update(new)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]

    def unnamed(self, refs: Refs) -> list[int]:
        """Those of the numbers whose labels the journal does not have yet."""
        return [ref for ref in set(refs.tolist()) if ref not in self._named]

    def sync(self) -> None:
        """Bring to the disk what was appended. Raises `OSError`."""
        length = self._length
        if length > self._synced:
            os.fdatasync(self._file)
            self._synced = length

    def close(self) -> None:
        """Bring the rest to the disk as far as that can be, and let go."""
        with suppress(OSError):
            self.sync()
        file, self._file = self._file, -1  # another file may get the number
        os.close(file)


def _named(new: dict[int, Labels]) -> Iterator[bytes]:
    items = list(new.items())
    for at in range(0, len(items), NAMED_AT_ONCE):
        some = items[at : at + NAMED_AT_ONCE]
        flat = [[word for pair in labels for word in pair] for _, labels in some]
        yield _entry(Names([ref for ref, _ in some], flat))


def _sampled(batch: Batch) -> Iterator[bytes]:
    for part in batch.parts(SAMPLES_AT_ONCE):
        refs = part.refs.astype(np.uint32)
        yield _entry(Samples(refs.tobytes(), part.times.tobytes(), part.values.tobytes()))


def _entry(entry: Entry) -> bytes:
    return pack_frame(MARK, squeeze(msgspec.msgpack.encode(entry)))


class Replay:
    """What a journal holds, batch by batch.

    `refs` gives the numbers of series; the journal's own are of its day. `damage` is what was
    lost, `unnamed` counts samples whose series were among it.
    """

    def __init__(self, path: Path, refs: Callable[[list[Labels]], Refs]) -> None:
        self.damage: list[Damage] = []
        self.unnamed = 0
        self._path = path
        self._refs = refs
        self._numbers: Refs = np.full(1024, UNKNOWN, np.int64)

    def batches(self) -> Iterator[Batch]:
        """The samples of all whole frames."""
        for found in frames(BlockFile(self._path), 0, MARK):
            if isinstance(found, Gap):
                self._lost(found.at)
                continue
            try:
                entry = _decoder.decode(unsqueeze(found.payload))
                if isinstance(entry, Names):
                    self._learn(entry)
                else:
                    yield self._batch(entry)
            except (ValueError, msgspec.DecodeError):
                self._lost(found.at)

    def _lost(self, at: int) -> None:
        self.damage.append(
            Damage(self._path.name, at, "newest samples, or an end that was never written whole")
        )

    def _learn(self, names: Names) -> None:
        refs = np.array(names.refs, np.int64)
        labels = [tuple(zip(flat[::2], flat[1::2], strict=True)) for flat in names.labels]
        self._make_room(int(refs.max(initial=0)))
        self._numbers[refs] = self._refs(labels)

    def _make_room(self, ref: int) -> None:
        if ref >= len(self._numbers):
            more = np.full(ref + len(self._numbers), UNKNOWN, np.int64)
            self._numbers = np.concatenate([self._numbers, more])

    def _batch(self, entry: Samples) -> Batch:
        refs = np.frombuffer(entry.refs, np.uint32).astype(np.int64)
        times = np.frombuffer(entry.times, np.int64)
        values = np.frombuffer(entry.values, np.float64)
        if not len(refs) == len(times) == len(values):
            raise ValueError("columns of different length")
        self._make_room(int(refs.max(initial=0)))
        numbers = self._numbers[refs]
        named = numbers != UNKNOWN
        self.unnamed += len(refs) - int(named.sum())
        return Batch(numbers, times, values).where(named)
