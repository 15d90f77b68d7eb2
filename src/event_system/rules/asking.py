"""The node's own engine as who answers the queries of rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from event_system.promql.engine import Answer, Engine, at

T = TypeVar("T")


class OwnEngine:
    """Implements `Questions`. `settled` waits for samples that are just being stored."""

    def __init__(
        self,
        engine: Engine,
        monotonic: Callable[[], float],
        settled: Callable[[], Awaitable[None]],
    ) -> None:
        self._engine = engine
        self._monotonic = monotonic
        self._settled = settled

    def ask(self, query: str, moment_ms: int) -> Answer:
        until = self._monotonic() + self._engine.limits.timeout
        return self._engine.answer(at(query, moment_ms), until)

    async def run(self, work: Callable[[], T]) -> T:
        await self._settled()
        return await self._engine.run(work)

    def close(self) -> None:
        """The engine belongs to whoever made it."""
