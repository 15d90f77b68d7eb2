"""What was used last, in bounded memory: the first level."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

ENTRY_BYTES = 400
"""What an entry takes besides its key and its body, about."""


@dataclass(slots=True)
class _Entry:
    body: bytes
    until: float
    tags: tuple[str, ...]


class Memory:
    """Bytes by key, each until its time is over; the ones used longest ago make room.

    `evicted` and `expired` count entries that went for want of room and of time.
    """

    def __init__(self, monotonic: Callable[[], float], max_entries: int, max_bytes: int) -> None:
        self.bytes = 0
        self.evicted = 0
        self.expired = 0
        self._monotonic = monotonic
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._keys: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until <= self._monotonic():
            self.expired += 1
            self.drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.body

    def put(self, key: str, body: bytes, seconds: float, tags: Iterable[str]) -> None:
        """Keep this for so long; what is larger than all the room is not kept."""
        self.drop(key)
        if seconds <= 0 or _size(key, body) > self._max_bytes:
            return
        entry = _Entry(body, self._monotonic() + seconds, tuple(tags))
        self._entries[key] = entry
        self.bytes += _size(key, body)
        for tag in entry.tags:
            self._keys.setdefault(tag, set()).add(key)
        while len(self._entries) > self._max_entries or self.bytes > self._max_bytes:
            self.evicted += 1
            self.drop(next(iter(self._entries)))

    def drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self.bytes -= _size(key, entry.body)
        for tag in entry.tags:
            keys = self._keys[tag]
            keys.discard(key)
            if not keys:
                del self._keys[tag]

    def drop_tagged(self, tags: Iterable[str]) -> None:
        for tag in tags:
            for key in tuple(self._keys.get(tag, ())):
                self.drop(key)

    def clear(self) -> None:
        self._entries.clear()
        self._keys.clear()
        self.bytes = 0

    def shorten(self, seconds: float) -> None:
        """Let nothing be kept for longer than this from now on."""
        latest = self._monotonic() + seconds
        for entry in self._entries.values():
            entry.until = min(entry.until, latest)

    def sweep(self) -> None:
        """Drop what has expired, which else waits to be asked for or pushed out."""
        now = self._monotonic()
        for key in [key for key, entry in self._entries.items() if entry.until <= now]:
            self.expired += 1
            self.drop(key)


def _size(key: str, body: bytes) -> int:
    return len(key) + len(body) + ENTRY_BYTES
