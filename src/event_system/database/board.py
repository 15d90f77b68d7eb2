"""The board of events in hand: a small file, mapped into memory.

A write is a memory write, and yet survives `kill -9`, as the pages are the system's. A power cut
may take it, like everything of the last moments that has no fsync of its own.
"""

from __future__ import annotations

import logging
import mmap
import os
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

from xxhash import xxh3_64_intdigest

from event_system.delivery.board import Cells

BOARD_FILE = "inflight.board"
CELLS = 3
"""Of a place: the key's sign, a hash, the first and the last offset in hand."""

_CELL_BYTES = 8
_MASK = 2**63 - 1
_log = logging.getLogger(__name__)


class MappedBoard:
    """Implements `delivery.board.Board`.

    Where the file cannot be made the board is only memory, and the log says so: then a crash is
    not counted as an attempt.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / BOARD_FILE
        self._old = self._read()
        self.cells: Cells = [0, 0]

    def _read(self) -> dict[int, list[tuple[int, int]]]:
        try:
            content = self._path.read_bytes()
        except OSError:
            return {}
        whole = content[: len(content) // (CELLS * _CELL_BYTES) * (CELLS * _CELL_BYTES)]
        cells = memoryview(whole).cast("q")
        places = (cells[at : at + CELLS].tolist() for at in range(0, len(cells), CELLS))
        found: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for sign, first, last in places:
            if sign and first > 0:
                found[sign].append((first, last))
        return found

    def claims(self, keys: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
        return {key: self._old[sign] for key in keys if (sign := _sign(key)) in self._old}

    def lay(self, keys: Sequence[str]) -> list[int]:
        size = max(len(keys), 1) * CELLS * _CELL_BYTES
        try:
            self.cells = self._mapped(size)
        except OSError as error:
            _log.error("%s cannot be made, crashes are not counted: %s", self._path, error)
            self.cells = [0] * (len(keys) * CELLS)
        for at, key in enumerate(keys):
            self.cells[at * CELLS] = _sign(key)
        return [at * CELLS + 1 for at in range(len(keys))]

    async def show(self, place: int, offset: int) -> None:
        """No other process takes over."""

    async def shown(self, keys: Collection[str]) -> dict[str, int]:
        return {}

    async def forget(self, keys: Collection[str]) -> None:
        """Nothing was shown."""

    def _mapped(self, size: int) -> memoryview[int]:
        """A new file of zeros in place of the old one, all of it on the disk's account."""
        fresh = self._path.with_suffix(".new")
        with fresh.open("w+b") as file:
            os.posix_fallocate(file.fileno(), 0, size)  # a full disk shows here, not as SIGBUS
            pages = mmap.mmap(file.fileno(), size)
        fresh.replace(self._path)
        return memoryview(pages).cast("q")


def _sign(key: str) -> int:
    return xxh3_64_intdigest(key.encode()) & _MASK if key else 0
