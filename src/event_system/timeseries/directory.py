"""The files of a store: names that say what they hold, and a lock.

A block is named for the first and last generation of journals that it stands for, so that after a
crash it is plain which journals and smaller blocks it has replaced.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from event_system.kernel.errors import DataDirectoryError
from event_system.promql.ports import Labels, Series
from event_system.timeseries.blocks import Block, Damage, sync_directory
from event_system.timeseries.index import Refs
from event_system.timeseries.writing import write_block

_BLOCK: Final = re.compile(r"(\d{10})-(\d{10})\.block")
_HISTORY: Final = re.compile(r"history-(\d{10})\.block")
_JOURNAL: Final = re.compile(r"(\d{10})\.journal")


class StoreDirectory:
    """A directory that this process alone uses, from the constructor until `close`."""

    def __init__(self, path: Path) -> None:
        """Raises `DataDirectoryError`, with the owner's process id where another one has it."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DataDirectoryError(f"{path}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(self._lock, 20).decode(errors="replace").strip()
            os.close(self._lock)
            raise DataDirectoryError(f"{path} is in use by process {owner}") from error
        os.ftruncate(self._lock, 0)
        os.write(self._lock, f"{os.getpid()}\n".encode())
        self._tidy()

    def close(self) -> None:
        os.close(self._lock)

    def _tidy(self) -> None:
        """Delete what a process that ended suddenly left over."""
        spans = list(self._spans())
        replaced = [
            self.block_path(*span) for span in spans if any(_holds(other, span) for other in spans)
        ]
        covered = [
            path
            for path in self.journals()
            if any(first <= self._generation(path) <= last for first, last in spans)
        ]
        self.delete([*self.path.glob("*.unfinished"), *replaced, *covered])

    def _spans(self) -> Iterable[tuple[int, int]]:
        found = (self.span_of(path) for path in self.path.glob("*.block"))
        return [span for span in found if span is not None]

    @staticmethod
    def span_of(path: Path) -> tuple[int, int] | None:
        """The generations that a block stands for; None for history that was added."""
        match = _BLOCK.fullmatch(path.name)
        return (int(match[1]), int(match[2])) if match else None

    def block_path(self, first: int, last: int) -> Path:
        return self.path / f"{first:010d}-{last:010d}.block"

    def journals(self) -> list[Path]:
        """The oldest first."""
        return sorted(path for path in self.path.iterdir() if _JOURNAL.fullmatch(path.name))

    @staticmethod
    def _generation(journal: Path) -> int:
        return int(journal.stem)

    def new_journal(self) -> Path:
        """A name for the next generation's."""
        used = [self._generation(path) for path in self.journals()]
        used += [last for _, last in self._spans()]
        return self.path / f"{max(used, default=0) + 1:010d}.journal"

    def block_of(self, journals: list[Path]) -> Path:
        """The name of the block that stands for these journals."""
        return self.block_path(self._generation(journals[0]), self._generation(journals[-1]))

    def open_blocks(
        self, refs: Callable[[list[Labels]], Refs], found: Callable[[Damage], None]
    ) -> list[Block]:
        """All blocks, the oldest first. One that cannot be opened is told as damage."""
        blocks = []
        for path in sorted(self.path.glob("*.block")):
            try:
                blocks.append(Block(path, refs, found))
            except OSError as error:
                found(Damage(path.name, 0, f"all of it: {error.strerror}"))
        return blocks

    @staticmethod
    def open_block(
        path: Path, refs: Callable[[list[Labels]], Refs], found: Callable[[Damage], None]
    ) -> Block:
        return Block(path, refs, found)

    @staticmethod
    def write(path: Path, series: Iterable[Series]) -> None:
        write_block(path, series)

    def write_history(self, series: Iterable[Series]) -> Path:
        used = [int(m[1]) for p in self.path.iterdir() if (m := _HISTORY.fullmatch(p.name))]
        path = self.path / f"history-{max(used, default=0) + 1:010d}.block"
        write_block(path, series)
        return path

    def delete(self, paths: Iterable[Path]) -> None:
        """Files that nobody needs any more; those that are gone already are fine."""
        for path in paths:
            path.unlink(missing_ok=True)
        sync_directory(self.path)


def _holds(outer: tuple[int, int], inner: tuple[int, int]) -> bool:
    return outer != inner and outer[0] <= inner[0] and inner[1] <= outer[1]
