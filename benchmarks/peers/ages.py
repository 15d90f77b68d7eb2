"""Ages of handled messages, in a file that the benchmark reads afterwards."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

FILE = "ages.bin"
_descriptor: list[int] = []


def note(sent_us: int) -> None:
    """One message was handled now."""
    if not _descriptor:
        _descriptor.append(os.open(FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT))
    os.write(_descriptor[0], struct.pack("<q", now_us() - sent_us))


def now_us() -> int:
    return time.time_ns() // 1000


def read(directory: Path) -> list[int]:
    """All ages so far, in microseconds, rising."""
    path = directory / FILE
    raw = path.read_bytes() if path.exists() else b""
    return sorted(struct.unpack(f"<{len(raw) // 8}q", raw[: len(raw) // 8 * 8]))
