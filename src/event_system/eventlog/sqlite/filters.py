"""The files of the id filters: `ids-GENERATION-RUNS.bloom`.

A file begins with a digest, keyed with the log's identity: one that is torn, overwritten or of
another log would let duplicates in.
"""

from __future__ import annotations

import hashlib
import operator
from pathlib import Path
from typing import Final

from rbloom import Bloom

RUNS_PER_GENERATION: Final = 256
_FALSE_POSITIVES = 0.001
_DIGEST_BYTES = 16


def new_filter(events: int) -> Bloom:
    """A filter for the ids of so many events."""
    return Bloom(events, _FALSE_POSITIVES, operator.index)


class FilterFiles:
    """The filters that a directory holds of the log of this identity."""

    def __init__(self, directory: Path, identity: int) -> None:
        self._directory = directory
        self._identity = identity.to_bytes(8)

    def of(self, generation: int) -> list[Path]:
        """The files of a generation; that of the most runs comes last."""
        return sorted(self._directory.glob(f"ids-{generation:06d}-*.bloom"))

    def all(self) -> list[Path]:
        """The files of all generations, the oldest first, in the order of `of`."""
        return sorted(self._directory.glob("ids-[0-9]*-[0-9]*.bloom"))

    def save(self, generation: int, runs: int, filter_: Bloom) -> None:
        """Keep a generation's filter, of its first `runs` runs, in place of others.

        Raises `OSError`; then the others are still there.
        """
        older = self.of(generation)
        path = self._directory / f"ids-{generation:06d}-{runs:03d}.bloom"
        scratch = path.with_suffix(".new")
        content = filter_.save_bytes()
        scratch.write_bytes(self._digest(content) + content)
        scratch.replace(path)
        for file in older:
            if file != path:
                file.unlink(missing_ok=True)

    def load(self, path: Path) -> Bloom:
        """Raises `ValueError` for what is no filter of this log, and `OSError`."""
        raw = path.read_bytes()
        digest, content = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        if digest != self._digest(content):
            raise ValueError("it is torn, or belongs to another log")
        return Bloom.load_bytes(content, operator.index)

    def _digest(self, content: bytes) -> bytes:
        return hashlib.blake2b(content, digest_size=_DIGEST_BYTES, key=self._identity).digest()


def runs_of(path: Path) -> int:
    """How many runs of its generation a file covers."""
    return int(path.stem.rpartition("-")[2])


def generation_of(path: Path) -> int:
    return int(path.stem.split("-")[1])
