"""What the hot routes' answers say of events, as bytes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw, UnsetType

from event_system.events.event import Row
from event_system.events.ports import ListenerResult
from event_system.kernel.clock import rfc3339
from event_system.scheduling.ports import Standing

encode = msgspec.json.Encoder(enc_hook=repr).encode


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with one event of a batch; `where` is the path within the event."""

    index: int
    code: str
    detail: str
    where: str | None = None


def encode_results(results: Sequence[ListenerResult]) -> bytes:
    """Sync results as JSON; what JSON cannot say becomes its `repr`."""
    try:
        return encode(results)
    except (TypeError, ValueError, RecursionError):
        return encode([msgspec.structs.replace(r, result=repr(r.result)) for r in results])


def members_of(row: Row, offset: int) -> bytes:
    if offset < 0:
        return b'"id":%b,"offset":%d,"duplicate":true' % (encode(row[7]), -offset)
    return b'"id":%b,"offset":%d,"duplicate":false' % (encode(row[7]), offset)


def standing_members(row: Row, standing: Standing) -> bytes:
    """The members of the answer for an event of a request in which some have a time."""
    if not standing.due_us:
        return members_of(row, standing.signed_offset)
    id_, due = encode(row[7]), rfc3339(standing.due_us).encode()
    known = b"true" if standing.duplicate else b"false"
    return b'"id":%b,"offset":0,"duplicate":%b,"deliver_at":"%b"' % (id_, known, due)


class BatchReceipt(msgspec.Struct, gc=False):
    """What the answer to a batch says of one event, as `members_of` does; read as JSON only."""

    id: str
    offset: int
    duplicate: bool = False
    deliver_at: str | UnsetType = UNSET
    results: Raw | UnsetType = UNSET


class BatchAnswer(msgspec.Struct):
    """The answer to a batch: an entry for each event that was, or is, stored."""

    accepted: int
    duplicates: int
    events: Sequence[BatchReceipt]
    faults: Sequence[Fault]


def receipts_of(rows: Sequence[Row], offsets: Sequence[int]) -> list[BatchReceipt]:
    """The receipts of stored events; a duplicate's offset is negative."""
    ids = [row[7] for row in rows]
    if min(offsets, default=0) < 0:
        known = [offset < 0 for offset in offsets]
        return list(map(BatchReceipt, ids, map(abs, offsets), known))
    return list(map(BatchReceipt, ids, offsets))


def receipt_of(row: Row, standing: Standing) -> BatchReceipt:
    """The receipt of an event of a batch in which some have a time."""
    due = rfc3339(standing.due_us) if standing.due_us else UNSET
    offset = 0 if standing.due_us else standing.offset
    return BatchReceipt(row[7], offset, standing.duplicate, due)


def encode_batch(receipts: Sequence[BatchReceipt], faults: Sequence[Fault]) -> bytes:
    """The body of the answer to a batch."""
    duplicates = sum([receipt.duplicate for receipt in receipts])
    return encode(BatchAnswer(len(receipts) - duplicates, duplicates, receipts, faults))
