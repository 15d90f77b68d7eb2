"""Ages of handled events, in memory that the benchmark and the handler's process share.

A handler calls `note`: no system call, so that a listener that notes ages is still one that does
nothing. The benchmark reads the file in the handler's working directory.
"""

from __future__ import annotations

import mmap
import time
from array import array
from itertools import count
from pathlib import Path
from threading import Lock

FILE = Path("ages.bin")
SLOTS = 16 * 1024 * 1024
ITEM = 8
_numbers = count()
_slots: list[memoryview[int]] = []
_opening = Lock()


def note(sent_us: int) -> None:
    """An event sent at this time was handled now. Any thread of one process may call it.

    A slot that is 0 is empty, so no age is.
    """
    if not _slots:
        _open()
    _slots[0][next(_numbers)] = now_us() - sent_us or 1


def _open() -> None:
    with _opening:
        if _slots:
            return
        with FILE.open("w+b") as file:
            file.truncate(SLOTS * ITEM)
            _slots.append(memoryview(mmap.mmap(file.fileno(), 0)).cast("q"))


def now_us() -> int:
    return time.time_ns() // 1000


def has(directory: Path, number: int) -> bool:
    """Whether that many were noted."""
    return number == 0 or _read(directory, number - 1, 1)[0] != 0


def read(directory: Path, after: int = 0) -> list[int]:
    """All ages but the first `after`, in microseconds, rising."""
    found = array("q")
    while True:
        part = _read(directory, after + len(found), 65536)
        noted = len(part) - part.count(0)
        found.extend(part[:noted])
        if noted < len(part):
            return sorted(found)


def _read(directory: Path, first: int, number: int) -> array[int]:
    part = array("q", bytes(number * ITEM))
    path = directory / FILE
    if path.exists():
        with path.open("rb") as file:
            file.seek(first * ITEM)
            raw = file.read(number * ITEM)
        part = array("q", raw + bytes(number * ITEM - len(raw)))
    return part
