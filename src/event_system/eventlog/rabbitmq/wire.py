"""How a commit stands in the stream: one record, a msgpack array."""

from __future__ import annotations

import msgspec

from event_system.events.event import Row


class Record(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """A commit: rows that are to follow the event at `expected`, which came with `previous`.

    `log` is the identity of the log that it is of. `previous` is empty where it is not known. A
    record without rows says nothing but that whoever wrote it has been there.
    """

    log: int
    expected: int
    previous: str
    commit: str
    rows: tuple[Row, ...]


encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


def decode(payload: bytes) -> Record | None:
    """None for what is no record of ours."""
    try:
        return _decode(payload)
    except msgspec.DecodeError:
        return None
