"""How an event stands in the topic: one record, its key the subject, its value the event.

The value is a msgpack array, the members of `events.event.Row` in their order. Four headers say
what the record is: `log` the identity of its log, `commit` with which others it came, `offset` the
event's offset, `place` where in the partition its writer meant it to stand. All records of a commit
are one record batch, which a broker appends whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from event_system.events.event import Row

BEGIN = "begin"
"""The commit of a topic's first record: no event, it has the offset that the first one follows."""

_MAGIC, _NO_CODEC, _NO_PRODUCER = 2, 0, -1
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Row).decode


class Mark(NamedTuple):
    """What a record says that it is. `place` and `offset` are those of a commit's first record."""

    log: str
    commit: str
    place: int
    offset: int


class Record(NamedTuple):
    """A record that counts. `row` is None for the one that a topic begins with."""

    place: int
    log: str
    commit: str
    offset: int
    row: Row | None


class Page(NamedTuple):
    """Records of one piece of the partition, which ends below the place `end`.

    `foreign` are those that are not of any log's making; those that do not count are left out.
    """

    records: list[Record]
    foreign: int
    end: int


def batch(rows: Sequence[Row], mark: Mark, most_bytes: int) -> bytes | None:
    """The record batch of a commit; None where it has more than so many bytes."""
    builder = _builder(most_bytes)
    log, commit = ("log", mark.log.encode()), ("commit", mark.commit.encode())
    for number, row in enumerate(rows):
        headers = [log, commit, *_where(mark.place + number, mark.offset + number)]
        subject = None if row[8] is None else row[8].encode()
        if not _added(builder, number, row[10] // 1000, subject, _encode(row), headers):
            return None
    made = bytes(builder.build())
    return None if len(made) > most_bytes else made  # a first record is always taken


def beginning(log: str, place: int, offset: int, ms: int) -> bytes:
    """The record batch of the record that a topic begins with."""
    builder = _builder(1_048_576)
    headers = [("log", log.encode()), ("commit", BEGIN.encode()), *_where(place, offset)]
    _added(builder, 0, ms, None, b"", headers)
    return bytes(builder.build())


def read(piece: bytes, place: int) -> Page:
    """What a broker has sent as its records from a place on.

    Raises `ValueError` for what is damaged.
    """
    found: list[Record] = []
    foreign, end = 0, place
    batches = MemoryRecords(piece)
    while batches.has_next():
        one = batches.next_batch()
        if not one.validate_crc():
            raise ValueError(f"the records from place {one.base_offset} on are damaged")
        end = max(end, one.next_offset)
        if one.is_control_batch:
            continue
        if one.compression_type != _NO_CODEC:  # ours never are, and it could be any codec
            foreign += one.next_offset - one.base_offset
            continue
        for record in one:
            if record.offset < place:
                continue  # a broker sends whole batches
            mark = _mark(record)
            if mark is None:
                foreign += 1
            elif mark.place == record.offset:
                found.append(_counting(mark, record.value))
    return Page(found, foreign, end)


def _builder(most_bytes: int) -> Any:
    return DefaultRecordBatchBuilder(
        magic=_MAGIC,
        compression_type=_NO_CODEC,
        is_transactional=0,
        producer_id=_NO_PRODUCER,
        producer_epoch=_NO_PRODUCER,
        base_sequence=_NO_PRODUCER,
        batch_size=most_bytes,
    )


def _added(
    builder: Any,
    number: int,
    ms: int,
    key: bytes | None,
    value: bytes,
    headers: list[tuple[str, bytes]],
) -> bool:
    return builder.append(number, ms, key, value, headers) is not None


def _where(place: int, offset: int) -> Iterator[tuple[str, bytes]]:
    yield "place", str(place).encode()
    yield "offset", str(offset).encode()


def _mark(record: Any) -> Mark | None:
    """What a record says of itself; None for what is no record of any log."""
    headers = dict(record.headers)
    try:
        log, commit = headers["log"].decode(), headers["commit"].decode()
        return Mark(log, commit, int(headers["place"]), int(headers["offset"]))
    except (KeyError, AttributeError, TypeError, ValueError):
        return None


def _counting(mark: Mark, value: bytes | None) -> Record:
    try:
        row = None if mark.commit == BEGIN else _decode(value or b"")
    except msgspec.DecodeError as error:
        raise ValueError(f"the event at place {mark.place} cannot be read: {error}") from error
    return Record(mark.place, mark.log, mark.commit, mark.offset, row)
