"""What a cache needs of the level that nodes share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Found(NamedTuple):
    """What is kept under a key, for how many seconds still, and how its tags stand now."""

    body: bytes | None
    seconds: float
    versions: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Ears:
    """Whom to tell what other nodes do. All are called on the loop."""

    heard: Callable[[Iterable[str]], None]
    """These tags were invalidated."""
    joined: Callable[[], None]
    """From now on everything is heard; what there was before may have been missed."""
    cut: Callable[[], None]
    """From now on nothing is heard."""


class Remote(Protocol):
    """Bytes by key, versions by tag. All methods raise `RedisUnreachableError`. Loop thread only."""

    @property
    def usable(self) -> bool:
        """Whether it answers; where not, calls fail at once."""

    async def read(self, key: str, tags: Sequence[str]) -> Found:
        """A key, and the versions of tags. A tag that is not known gets a version nobody had."""

    async def write(self, key: str, body: bytes, seconds: float) -> None:
        """Keep this for so long."""

    async def bump(self, tags: Sequence[str]) -> None:
        """Give tags versions that nobody had, and let all nodes hear of it. Idempotent."""

    async def lock(self, key: str, owner: bytes, seconds: float) -> bool:
        """Whether nobody else is at this key; its end comes by itself after so long."""

    async def unlock(self, key: str, owner: bytes) -> None:
        """Let others at the key, where the lock is still the owner's."""
