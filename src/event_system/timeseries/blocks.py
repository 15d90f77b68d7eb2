"""A block: the samples of a span of time in one file that never changes once it is there.

A file is a run of groups and an end mark. A group is up to 64 series that have the same times: a
frame with their labels and the place, length and checksum of each column, and then the columns,
the times' first. So every part is checked by itself, and whatever is whole can be read.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from event_system.promql.ports import Labels
from event_system.timeseries.columns import Times, Values, unpack_times, unpack_values
from event_system.timeseries.frames import Frame, frame_at, next_frame, unsqueeze
from event_system.timeseries.index import Refs, distinct
from event_system.timeseries.unpacked import Unpacked

GROUP: Final = b"TSg1"
END: Final = b"TSe1"
MAGIC: Final = b"event-system time series 1\n"
GROUP_SERIES: Final = 64
MARKS: Final = (GROUP, END)
_TIMES: Final = -1
"""Among the columns of values, the one of times."""
LONGEST_COLUMN: Final = 100_000_000
"""Samples of a column; more is no count."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What of a file cannot be read, and where it begins."""

    file: str
    at: int
    what: str


class Directory(msgspec.Struct, frozen=True, array_like=True):
    """What a group's frame says; `lengths` and `checksums` are the columns', times first."""

    count: int
    first_ms: int
    last_ms: int
    labels: list[list[str]]
    lengths: list[int]
    checksums: list[int]

    def sound(self) -> bool:
        columns = len(self.labels) + 1
        return (
            0 < self.count <= LONGEST_COLUMN
            and self.first_ms <= self.last_ms
            and len(self.lengths) == len(self.checksums) == columns
            and all(len(each) % 2 == 0 for each in self.labels)
            and min(self.lengths) >= 0
        )


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Where the columns of some series are: `places` has one more than there are columns."""

    count: int
    first_ms: int
    last_ms: int
    refs: Refs
    places: NDArray[np.int64]
    checksums: NDArray[np.uint32]


class Budget:
    """How many samples may still be read; `spend` raises where they are not enough."""

    def __init__(self, most: int, error: Callable[[], Exception]) -> None:
        self._left = most
        self._error = error

    def spend(self, samples: int) -> None:
        self._left -= samples
        if self._left < 0:
            raise self._error()


class BlockFile:
    """The file of a block, open for as long as anybody reads it, even once it is deleted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.bytes = os.fstat(self._handle).st_size

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            os.close(self._handle)

    def length(self) -> int:
        return self.bytes

    def read(self, at: int, length: int) -> bytes:
        return os.pread(self._handle, length, at)


class Block:
    """An opened block. Reading is for several threads at once; `damage` grows as it is found."""

    def __init__(
        self, path: Path, refs: Callable[[list[Labels]], Refs], found: Callable[[Damage], None]
    ) -> None:
        self._file = BlockFile(path)
        self.name = path.name
        self.path = path
        self.bytes = self._file.bytes
        self._tell = found
        self._told: set[int] = set()
        self.groups = [_group(*each, refs) for each in self._directories()]
        self._look_up()
        self.min_ms = min((group.first_ms for group in self.groups), default=0)
        self.max_ms = max((group.last_ms for group in self.groups), default=0)
        self.samples = sum(group.count * len(group.refs) for group in self.groups)

    @property
    def harmed(self) -> bool:
        """Whether something of it could not be read."""
        return bool(self._told)

    def _look_up(self) -> None:
        """Arrays by rising series number: in which group it is, and as which of its columns."""
        sizes = [len(group.refs) for group in self.groups]
        refs = _joined([group.refs for group in self.groups])
        order = np.argsort(refs, kind="stable")
        self.refs: Refs = refs[order]
        self._group: NDArray[np.int32] = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)[
            order
        ]
        self._column: NDArray[np.int32] = _joined([np.arange(n) for n in sizes])[order].astype(
            np.int32
        )

    def _directories(self) -> Iterator[tuple[int, Directory]]:
        """Where the columns of each group begin, and its directory."""
        at = len(MAGIC)
        if self._file.read(0, at) != MAGIC:
            self._damaged(0, "the beginning of the file")
            at = 0
        while True:
            frame = frame_at(self._file, at, MARKS)
            if frame is None:
                following = next_frame(self._file, at + 1, MARKS)
                if at or following != len(MAGIC):
                    self._damaged(at, "the directory of up to 64 series, or the end of the file")
                if following is None:
                    return
                at = following
                continue
            if frame.payload == END:
                if frame.end != self._file.bytes:
                    self._damaged(frame.end, "bytes after the end mark")
                return
            directory = _directory(frame)
            if directory is None:
                self._damaged(at, "the directory of up to 64 series")
                at = frame.end
                continue
            yield frame.end, directory
            at = frame.end + sum(directory.lengths)

    def _damaged(self, at: int, what: str) -> None:
        if at not in self._told:
            self._told.add(at)
            self._tell(Damage(self.name, at, what))

    def overlapping(self, refs: Refs, start_ms: int, end_ms: int) -> Refs:
        """Those of the series that have samples around the span."""
        _, places = self._places(refs)
        near = np.array([g.first_ms <= end_ms and g.last_ms >= start_ms for g in self.groups], bool)
        found: Refs = self.refs[places[near[self._group[places]]]]
        return found

    def _places(self, refs: Refs) -> tuple[Refs, NDArray[np.int64]]:
        """Those of the series that are here, and where in the look-up arrays."""
        wanted = np.isin(self.refs, refs)
        return self.refs[wanted], np.flatnonzero(wanted)

    def read(
        self, refs: Refs, start_ms: int, end_ms: int, budget: Budget, unpacked: Unpacked
    ) -> Iterator[tuple[int, Times, Values]]:
        """The samples in the span (both ends included) of those of the series that have some."""
        found, places = self._places(refs)
        groups, columns = self._group[places], self._column[places]
        for number in distinct(groups):
            group = self.groups[number]
            if group.first_ms > end_ms or group.last_ms < start_ms:
                continue
            chosen = groups == number
            wanted = zip(found[chosen].tolist(), columns[chosen].tolist(), strict=True)
            span = start_ms, end_ms
            yield from self._read_group(group, list(wanted), span, budget, unpacked)

    def _read_group(
        self,
        group: Group,
        wanted: list[tuple[int, int]],
        span: tuple[int, int],
        budget: Budget,
        unpacked: Unpacked,
    ) -> Iterator[tuple[int, Times, Values]]:
        known = unpacked.of(group, group.count)
        times = known.get(_TIMES)
        if times is None:
            times = self.times(group)
            if times is None:
                return
            unpacked.keep(group, _TIMES, times)
        low, high = np.searchsorted(times, span[0]), np.searchsorted(times, span[1], "right")
        budget.spend(int(high - low) * len(wanted))
        if low == high:
            return
        for ref, column in wanted:
            values = known.get(column)
            if values is None:
                values = self.values(group, column)
                if values is None:
                    continue
                unpacked.keep(group, column, values)
            yield ref, times[low:high], values[low:high]

    def times(self, group: Group) -> Times | None:
        """The times of a group; None where they are damaged."""
        data = self._column_bytes(group, 0, f"the times of {len(group.refs)} series")
        if data is None:
            return None
        return unpack_times(data, group.count)

    def values(self, group: Group, column: int) -> Values | None:
        """The values of a series of a group; None where they are damaged."""
        data = self._column_bytes(group, column + 1, "the values of a series")
        return None if data is None else unpack_values(data, group.count)

    def _column_bytes(self, group: Group, column: int, what: str) -> bytes | None:
        at, end = int(group.places[column]), int(group.places[column + 1])
        data = self._file.read(at, end - at)
        if zlib.crc32(data) != group.checksums[column]:
            self._damaged(at, what)
            return None
        return data

    def check(self) -> None:
        """Read every column, so that all damage is found."""
        for group in self.groups:
            if self.times(group) is not None:
                for column in range(len(group.refs)):
                    self.values(group, column)


def _joined(arrays: list[Refs]) -> Refs:
    return np.concatenate([np.empty(0, np.int64), *arrays])


def _directory(frame: Frame) -> Directory | None:
    try:
        found = msgspec.msgpack.decode(unsqueeze(frame.payload), type=Directory)
    except (ValueError, msgspec.DecodeError):
        return None
    return found if found.sound() else None


def _group(at: int, directory: Directory, refs: Callable[[list[Labels]], Refs]) -> Group:
    labels = [tuple(zip(each[::2], each[1::2], strict=True)) for each in directory.labels]
    places = np.cumsum([at, *directory.lengths])
    return Group(
        directory.count,
        directory.first_ms,
        directory.last_ms,
        refs(labels),
        places,
        np.array(directory.checksums, np.uint32),
    )


def sync_directory(directory: Path) -> None:
    """Make sure that a new name is on the disk."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
