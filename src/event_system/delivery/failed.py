"""Failed deliveries by the place of their events: those that are saved, and those that are not yet."""

from __future__ import annotations

from collections.abc import Collection

from event_system.delivery.dispatcher import Dispatcher
from event_system.delivery.ports import Failed, FailedFilter, Failure


class FailedDeliveries:
    """What a dispatcher and its stores know of failures. Each answer holds at a moment of the call.

    What is not saved yet is noted before the stores are read, as it may be saved meanwhile.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def of(self, offset: int) -> dict[str, Failure]:
        """The failures of one event by listener."""
        news = self._dispatcher.failures.copy()
        found: dict[str, Failure] = {}
        for place in self._dispatcher.failure_places(None):
            found |= {failure.listener: failure for failure in await place.failures_of(offset)}
        for (listener, at), failure in news.items():
            if at == offset:
                found.pop(listener, None)
                found |= {} if failure is None else {listener: failure}
        return found

    async def among(self, offsets: Collection[int]) -> dict[tuple[str, int], str]:
        """The states of the failures of these events, by listener and offset."""
        news = self._dispatcher.failures.copy()
        found: dict[tuple[str, int], str] = {}
        for place in self._dispatcher.failure_places(None) if offsets else ():
            rows = await place.retries.among(list(offsets))
            found |= {(row.listener, row.offset): row.state for row in rows}
        for key, failure in news.items():
            found.pop(key, None)
            found |= {} if failure is None else {key: failure.state}
        return found

    async def walk(
        self, wanted: FailedFilter, limit: int, *, newest_first: bool
    ) -> tuple[list[int], int | None]:
        """Offsets in order, about `limit` of them, and the one where others may follow."""
        news = self._dispatcher.failures.copy()
        rows: list[Failed] = []
        ended = True
        for place in self._dispatcher.failure_places(wanted.listener):
            part = await place.retries.walk(wanted, limit, newest_first=newest_first)
            ended = ended and len(part) < limit
            rows += part
        rows.sort(reverse=newest_first)
        last = None if ended else rows[limit - 1].offset
        way = -1 if newest_first else 1

        def reached(offset: int) -> bool:
            return last is None or way * offset <= way * last

        saved = {(row.listener, row.offset) for row in rows if reached(row.offset)}
        fresh = {
            (failure.listener, failure.offset)
            for failure in news.values()
            if failure is not None
            and failure.state in wanted.states
            and wanted.listener in (None, failure.listener)
            and way * failure.offset >= way * wanted.start
            and reached(failure.offset)
        }
        offsets = {offset for _, offset in (saved - news.keys()) | fresh}
        return sorted(offsets, reverse=newest_first), last
