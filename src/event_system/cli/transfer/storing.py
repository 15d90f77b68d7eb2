"""Stores the lines of an import in their order, and keeps or tells those that are no events."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, TypeAlias

from event_system.cli.transfer.lines import Line, Naming, reject
from event_system.cli.transfer.position import ImportPosition
from event_system.client import EventClient
from event_system.client.answers import BatchReceipt, error_for
from event_system.client.drafts import Draft
from event_system.kernel.clock import Clock
from event_system.kernel.errors import (
    BatchTooLargeError,
    BodyTooLargeError,
    EventSystemError,
    ImportStoppedError,
    InvalidBatchError,
    InvalidEventError,
)

BURST_SECONDS = 1.0


class Pace:
    """Holds an import to a rate; None is as fast as the node takes it."""

    def __init__(self, rate: float | None, clock: Clock) -> None:
        self._rate = rate
        self._monotonic = clock.monotonic
        self._due = clock.monotonic()

    async def wait(self, events: int) -> None:
        """Wait until so many events may go."""
        if self._rate is not None:
            now = self._monotonic()
            self._due = max(self._due, now - BURST_SECONDS)
            await asyncio.sleep(max(0.0, self._due - now))
            self._due += events / self._rate


class Rejects:
    """The file of rejected lines."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def keep(self, bad: Iterable[Bad]) -> None:
        self._file.writelines(reject(each.line, each.error) for each in bad)

    def sync(self) -> int:
        """Make it durable; its size."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that cannot be stored, and why."""

    line: Line
    error: EventSystemError


Good: TypeAlias = tuple[Line, Draft]


class Storing:
    """Moves `position` over the lines that are done. Bad ones go to `rejects`.

    Without `rejects` the first bad line raises `ImportStoppedError`; all before it are stored.
    """

    def __init__(
        self,
        client: EventClient,
        naming: Naming,
        position: ImportPosition,
        rejects: Rejects | None,
    ) -> None:
        self.rejects = rejects
        self._client = client
        self._naming = naming
        self._position = position

    async def take(self, chunk: Sequence[Line]) -> None:
        """Store the events of some lines."""
        good, bad = self._read(chunk)
        if self.rejects is None:
            await self._all_or_stop(good, bad)
        else:
            bad += await self._those_that_can_be(good)
            bad.sort(key=lambda each: each.line.number)
            self.rejects.keep(bad)
            self._position.rejected += len(bad)
            self._move(chunk)

    def _read(self, chunk: Sequence[Line]) -> tuple[list[Good], list[Bad]]:
        good: list[Good] = []
        bad: list[Bad] = []
        for line in chunk:
            try:
                good.append((line, self._naming.draft(line)))
            except InvalidEventError as error:
                bad.append(Bad(line, error))
                if self.rejects is None:
                    break
        return good, bad

    async def _all_or_stop(self, good: list[Good], bad: list[Bad]) -> None:
        while good:
            try:
                receipt = await self._post(good, partial=False)
            except InvalidBatchError as error:
                first = error.faults[0]
                why = error_for(first.code, first.detail, first.where)
                bad, good = [Bad(good[first.index][0], why)], good[: first.index]
            except (BatchTooLargeError, BodyTooLargeError) as error:
                if len(good) > 1:
                    await self._all_or_stop(good[: len(good) // 2], [])
                    good = good[len(good) // 2 :]
                else:
                    bad, good = [Bad(good[0][0], error)], []
            else:
                self._count(receipt)
                self._move([line for line, _ in good])
                break
        if bad:
            place, why = f"line {bad[0].line.number}", bad[0].error
            raise ImportStoppedError(f"{place}: {why.detail} [{why.code}]", where=place)

    async def _those_that_can_be(self, good: list[Good]) -> list[Bad]:
        """Store what the node takes; the others."""
        if not good:
            return []
        try:
            receipt = await self._post(good, partial=True)
        except (BatchTooLargeError, BodyTooLargeError) as error:
            if len(good) == 1:
                return [Bad(good[0][0], error)]
            half = len(good) // 2
            earlier = await self._those_that_can_be(good[:half])
            return earlier + await self._those_that_can_be(good[half:])
        self._count(receipt)
        return [
            Bad(good[fault.index][0], error_for(fault.code, fault.detail, fault.where))
            for fault in receipt.faults
        ]

    async def _post(self, good: Sequence[Good], *, partial: bool) -> BatchReceipt:
        return await self._client.post([draft for _, draft in good], partial=partial)

    def _count(self, receipt: BatchReceipt) -> None:
        self._position.stored += receipt.accepted
        self._position.duplicates += receipt.duplicates

    def _move(self, lines: Sequence[Line]) -> None:
        self._position.line = lines[-1].number
        self._position.end = lines[-1].end
