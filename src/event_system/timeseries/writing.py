"""Writing a block: series in, groups of those with equal times out."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec
import numpy as np

from event_system.promql.ports import Labels, Series
from event_system.timeseries.blocks import (
    END,
    GROUP,
    GROUP_SERIES,
    MAGIC,
    Directory,
    sync_directory,
)
from event_system.timeseries.columns import Times, pack_times, pack_values
from event_system.timeseries.frames import pack_frame, squeeze


def write_block(path: Path, series: Iterable[Series]) -> None:
    """Write the series to a new file, durably; it is there whole or not at all.

    Series with equal times should come one after the other: they share a column. Each has at least
    one sample. Raises `OSError`.
    """
    unfinished = path.with_suffix(".unfinished")
    try:
        with unfinished.open("wb") as file:
            _write(file, series)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _write(file: IO[bytes], series: Iterable[Series]) -> None:
    file.write(MAGIC)
    group = _Group()
    for each in series:
        if not group.takes(each.times):
            file.write(group.packed())
            group = _Group()
        group.add(each)
    if group.times is not None:
        file.write(group.packed())
    file.write(pack_frame(END, END))


class _Group:
    """Series with equal times, their values packed already."""

    def __init__(self) -> None:
        self.times: Times | None = None
        self._labels: list[Labels] = []
        self._columns: list[bytes] = []

    def takes(self, times: Times) -> bool:
        if self.times is None:
            return True
        return len(self._labels) < GROUP_SERIES and np.array_equal(self.times, times)

    def add(self, series: Series) -> None:
        self.times = series.times
        self._labels.append(series.labels)
        self._columns.append(pack_values(series.values))

    def packed(self) -> bytes:
        assert self.times is not None
        columns = [pack_times(self.times), *self._columns]
        directory = Directory(
            len(self.times),
            int(self.times[0]),
            int(self.times[-1]),
            [[word for pair in labels for word in pair] for labels in self._labels],
            [*map(len, columns)],
            [*map(zlib.crc32, columns)],
        )
        return b"".join([pack_frame(GROUP, squeeze(msgspec.msgpack.encode(directory))), *columns])
