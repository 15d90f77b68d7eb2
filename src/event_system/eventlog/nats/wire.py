"""How an event stands in the stream: subject, headers, payload.

The subject is `<stream>.<lane>.<type>`, so that other programs can follow lanes or types. The
payload is a msgpack array, the members of `events.event.Row` in their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from event_system.events.event import Row
from event_system.kernel.lanes import id_key, lane_of, source_key, type_key

COMMIT = "Event-System-Commit"
"""Which commit an event came with, where it came alone; else `BATCH` says that."""

BATCH = "Nats-Batch-Id"
BATCH_SEQUENCE = "Nats-Batch-Sequence"
BATCH_COMMIT = "Nats-Batch-Commit"
FOREIGN_TYPE, FOREIGN_SOURCE = "system.foreign", "event-system/backbone"
EXPECTED = "Nats-Expected-Last-Sequence"
SEQUENCE = "Nats-Sequence"
STATUS = "Status"

encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Row).decode


class Message(NamedTuple):
    """A message of the stream, and the commit that it came with; `row` is None if none of ours."""

    offset: int
    row: Row | None
    commit: str
    payload: bytes


def subject_of(stream: str, row: Row) -> str:
    return f"{stream}.{row[4]}.{row[5]}"


def decode(headers: Mapping[str, str], payload: bytes) -> Message:
    """Raises `ValueError` for what is no message of a stream."""
    commit = headers.get(BATCH) or headers.get(COMMIT) or ""
    try:
        row = _decode(payload)
    except msgspec.DecodeError:
        row = None
    return Message(int(headers[SEQUENCE]), row, commit, payload)


def foreign(found: Message, lanes: int) -> Row:
    """What stands for a message that somebody else has put into the stream: offsets have no gaps.

    Every node makes the same of it.
    """
    id_ = f"{found.offset}"
    key = id_key(id_)
    keys = (key, None, type_key(FOREIGN_TYPE), source_key(FOREIGN_SOURCE), lane_of(key, lanes))
    named = (FOREIGN_TYPE, FOREIGN_SOURCE, id_, None, 0, 0, "application/octet-stream")
    return (*keys, *named, None, None, found.payload)


class Failure(msgspec.Struct):
    """What a server says of a request that it does not fulfil."""

    code: int = 500
    err_code: int = 0
    description: str = ""


class Acknowledged(msgspec.Struct):
    """The answer to a commit: the sequence of its last event, or what was wrong."""

    seq: int = 0
    error: Failure | None = None


class State(msgspec.Struct):
    """How far a stream is. `first_seq` is one above `last_seq` where it is empty."""

    first_seq: int
    last_seq: int


class Config(msgspec.Struct):
    """What of a stream's configuration matters; 0, -1 and absent are no limit."""

    subjects: list[str] = []
    storage: str = ""
    retention: str = "limits"
    num_replicas: int = 1
    max_msgs: int = -1
    max_bytes: int = -1
    max_age: int = 0
    max_msg_size: int = -1
    max_msgs_per_subject: int = -1
    allow_atomic: bool = False
    allow_direct: bool = False
    deny_delete: bool = False
    no_ack: bool = False
    metadata: dict[str, str] = {}


class Info(msgspec.Struct):
    """The answer of `STREAM.INFO` and of `STREAM.CREATE`."""

    config: Config | None = None
    state: State | None = None
    error: Failure | None = None


read_ack = msgspec.json.Decoder(Acknowledged).decode
read_info = msgspec.json.Decoder(Info).decode
