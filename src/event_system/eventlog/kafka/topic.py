"""The topic that the events of a log come in through: appended to by place, read by place."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from aiokafka import errors as kafka
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.produce import ProduceRequest

from event_system.eventlog.backbone.opening import check_ends, check_owner, gone
from event_system.eventlog.backbone.stream import Found, MovedError
from event_system.eventlog.kafka import places, wire
from event_system.eventlog.kafka.administration import Administration
from event_system.eventlog.kafka.connection import Connection
from event_system.eventlog.kafka.wire import BEGIN, Mark, Page, Record
from event_system.eventlog.sql.facts import Facts
from event_system.events.event import Row
from event_system.kernel.errors import (
    BackboneTooLargeError,
    BackboneUnreachableError,
    StorageError,
)

PAGE_BYTES = 4_194_304
OVERHEAD_BYTES = 512
"""More than an event's record has beside its value: names of headers, places, lengths."""

NAMES_BYTES = 16_384
"""More than all that an event has besides data and extensions takes."""

_PARTITION, _ALL_REPLICAS, _UNCOMMITTED = 0, -1, 0
_EARLIEST, _LATEST = -2, -1
_TOO_LARGE = (kafka.MessageSizeTooLargeError, kafka.RecordListTooLargeError)
_log = logging.getLogger(__name__)


class KafkaTopic:
    """Implements `eventlog.backbone.stream.Stream`. `replicas` counts when the topic is made.

    Nothing here depends on how often a request was sent, nor on which node sent it: whoever reads
    sees which records stand where they say, and comes to the same answer as everybody else.
    """

    def __init__(self, connection: Connection, name: str, replicas: int = 3) -> None:
        self.name = name
        self.weakness: str | None = None
        self._connection = connection
        self._administration = Administration(connection, name, replicas)
        self._log = ""
        self._largest = 0
        self._loss: str | None = None
        self._read_up_to = 0, 0
        """An offset, and the place from which on what follows it is to be looked for."""

    async def open(self, facts: Facts) -> None:
        made = await self._administration.find()
        if not made:
            if facts.backbone is not None:
                raise gone(self.name, facts)
            await self._administration.create()
        inspected = await self._administration.inspect()
        self.weakness, self._largest = inspected.weakness, inspected.largest_bytes
        self._log = str(facts.identity)
        first = await self._begun(facts)
        check_owner(self.name, first.log, facts)
        begin, end = await self._end(_EARLIEST), await self._end(_LATEST)
        last = await places.last(self._look, begin, end) or first
        check_ends(self.name, first.offset + (first.commit == BEGIN), last.offset, facts)
        place = await places.place_of(facts.head + 1, self._look, first.place)
        self._read_up_to = facts.head, end if place is None else place

    def check(self, row: Row) -> None:
        most = self._largest - OVERHEAD_BYTES
        if len(row[14] or b"") + len(row[13] or b"") + NAMES_BYTES <= most:
            return
        if wire.batch([row], Mark(self._log, "", 0, 0), most) is None:
            raise BackboneTooLargeError(
                f"an event of {len(row[14] or b'')} bytes; with its names it has to fit into the "
                f"topic's max.message.bytes of {self._largest}"
            )

    async def append(self, rows: Sequence[Row], expected: int, commit: str) -> None:
        if self._loss is not None:  # more of them could come to stand where they say
            raise StorageError(self._loss)
        place = await self._place_after(expected)
        batch = wire.batch(rows, Mark(self._log, commit, place, expected + 1), self._largest)
        if batch is None:
            raise BackboneTooLargeError(
                f"{len(rows)} events that are larger together than the topic's max.message.bytes "
                f"of {self._largest}"
            )
        stands = await self._produced(batch)
        if stands < place:
            self._loss = (
                f"the topic {self.name!r} ended at {stands}, not at {place}: it lost records"
            )
            raise StorageError(self._loss)
        if stands > place:
            raise MovedError
        self._read_up_to = expected + len(rows), place + len(rows)

    async def after(self, offset: int) -> list[Found]:
        place = await self._place_after(offset)
        while (page := await self._look(place)).end > place:
            place = page.end
            records = [record for record in page.records if record.offset > offset]
            if records:
                self._check_close(records, offset)
                self._read_up_to = records[-1].offset, place
                return _commits(records)
            self._read_up_to = offset, place
        return []

    async def last(self) -> int:
        offset, place = self._read_up_to
        found = await places.last(self._look, place, await self._end(_LATEST))
        return offset if found is None else max(offset, found.offset)

    def place(self, offset: int) -> int | None:
        return None  # `places.place_of` finds it

    async def purge(self, below: int) -> None:
        # The newest event stays: it says how far the topic has come.
        wanted = min(below, await self.last())
        place = await places.place_of(wanted, self._look, await self._end(_EARLIEST))
        if place is not None:
            await self._administration.purge(place)

    async def close(self) -> None:
        await self._connection.close()

    async def _begun(self, facts: Facts) -> Record:
        """The first record that counts. In a topic without any it is put there."""
        while True:
            begin, end = await self._end(_EARLIEST), await self._end(_LATEST)
            found = await places.first(self._fetched, begin)
            if found is not None:
                return found
            if facts.backbone is not None:
                raise gone(self.name, facts)
            if (await self._fetched(begin)).foreign:
                check_owner(self.name, None, facts)
            ms = facts.received_us // 1000
            await self._produced(wire.beginning(self._log, end, facts.head, ms))

    async def _place_after(self, offset: int) -> int:
        """The place from which on the events after an offset are to be looked for."""
        known, place = self._read_up_to
        if known == offset:
            return place
        begin, end = await self._end(_EARLIEST), await self._end(_LATEST)
        found = await places.place_of(offset + 1, self._look, begin)
        # What comes after the look at the end has to be found behind it.
        return end if found is None else found

    def _check_close(self, records: Sequence[Record], offset: int) -> None:
        for expected, record in enumerate(records, offset + 1):
            if record.offset != expected:
                raise StorageError(
                    f"the topic {self.name} holds no event {expected}, but event {record.offset}"
                )

    async def _look(self, place: int) -> Page:
        """As `_fetched`, of this log only."""
        page = await self._fetched(place)
        if page.foreign:
            _log.warning("%d records of the topic are no events of ours", page.foreign)
        return page._replace(records=[each for each in page.records if each.log == self._log])

    async def _fetched(self, place: int) -> Page:
        """What stands from a place on, a piece at most; nothing beyond the end."""
        request = FetchRequest(
            *(0, 1, PAGE_BYTES, _UNCOMMITTED), [(self.name, [(_PARTITION, place, PAGE_BYTES)])]
        )
        answer = await self._connection.ask_leader(self.name, request)
        _, code, _, *_, piece = _only_partition(answer)
        error = kafka.for_code(code)
        if error is kafka.OffsetOutOfRangeError:
            return await self._out_of_range(place)
        self._check_error(error)
        try:
            return wire.read(bytes(piece or b""), place)
        except (ValueError, kafka.KafkaError) as damage:
            raise StorageError(f"the topic {self.name}: {damage}") from damage

    async def _out_of_range(self, place: int) -> Page:
        if place < await self._end(_EARLIEST):
            raise StorageError(f"the topic {self.name} holds nothing at place {place} any more")
        return Page([], 0, place)

    async def _end(self, which: int) -> int:
        request = OffsetRequest(-1, _UNCOMMITTED, [(self.name, [(_PARTITION, which)])])
        answer = await self._connection.ask_leader(self.name, request)
        _, code, _, place, *_ = _only_partition(answer)
        self._check_error(kafka.for_code(code))
        return int(place)

    async def _produced(self, batch: bytes) -> int:
        """Append a batch, on as many replicas as the topic demands; the place of its first record."""
        request = ProduceRequest(
            None, _ALL_REPLICAS, self._connection.timeout_ms, [(self.name, [(_PARTITION, batch)])]
        )
        answer = await self._connection.ask_leader(self.name, request)
        _, code, place, *_ = _only_partition(answer)
        error = kafka.for_code(code)
        if error in _TOO_LARGE:
            raise BackboneTooLargeError("more at once than the topic's max.message.bytes")
        self._check_error(error)
        return int(place)

    def _check_error(self, error: type[kafka.KafkaError]) -> None:
        """Whatever a broker says is wrong, it may be right with the next one or a little later."""
        if error is kafka.NoError:
            return
        self._connection.forget_leader(self.name)
        raise BackboneUnreachableError(f"the topic {self.name}: {error.description}")


def _only_partition(answer: Any) -> Sequence[Any]:
    """Of an answer about one partition of one topic, what it says of that."""
    ((_, (partition,)),) = (topic[:2] for topic in answer.topics)
    return tuple(partition)


def _commits(records: Sequence[Record]) -> list[Found]:
    """Events by the commit that they came with."""
    found: list[Found] = []
    rows: list[Row] = []
    for record in records:
        if record.row is None:
            continue
        if not found or found[-1].commit != record.commit:
            rows = []
            found.append(Found(record.commit, rows))
        rows.append(record.row)
    return found
