"""Ids that come from an `Idempotency-Key`, so that a request can be repeated without an id.

The id of a single event is `idem:<key>`, that of event i of a batch `idem-batch:<key>/<i>`: a
key never meets an id that a sender chose itself, unless that begins in the same way. As every
id it counts within its source. An event that has an id of its own keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from event_system.events.codec import Draft
from event_system.events.event import Event, Row
from event_system.kernel.errors import IdempotencyConflictError, IdempotencyKeyError

MAX_KEY = 255
_PLAIN = re.compile(rb"[!#-~][!-~]{,%d}" % (MAX_KEY - 1))
_PRINTABLE = re.compile(rf"[ -~]{{1,{MAX_KEY}}}")
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_ESCAPED = re.compile(r'\\(["\\])')


def parse_key(header: bytes) -> str:
    """The key of a header: a structured-field string (RFC 8941), or the plain text.

    Raises `IdempotencyKeyError`.
    """
    text = header.decode("latin-1")
    if _PLAIN.fullmatch(header):
        return text
    text = text.strip()
    if text.startswith('"'):
        quoted = _QUOTED.fullmatch(text)
        if quoted is None:
            raise _refusal("the quoted string is not well formed")
        text = _ESCAPED.sub(r"\1", quoted[1])
    return check_key(text)


def check_key(key: str) -> str:
    """The key itself. Raises `IdempotencyKeyError` for what cannot be one."""
    if not _PRINTABLE.fullmatch(key):
        raise _refusal(f"a key has 1 to {MAX_KEY} printable ASCII characters")
    return key


def _refusal(detail: str) -> IdempotencyKeyError:
    return IdempotencyKeyError(detail, where="Idempotency-Key")


def give_id(key: str, draft: Draft) -> bool:
    """Give the draft of a single event its id; False where it has its own."""
    if draft.id is not None:
        return False
    draft.id = f"idem:{key}"
    return True


def give_ids(key: str, drafts: Iterable[object]) -> None:
    """Give the drafts of a batch their ids; the index counts faulty events too."""
    for index, draft in enumerate(drafts):
        if isinstance(draft, Draft) and draft.id is None:
            draft.id = f"idem-batch:{key}/{index}"


def check_same(row: Row, found: Sequence[Event], offset: int) -> None:
    """Raise `IdempotencyConflictError` where the event at `offset` is another than the row.

    The offset 0 is that of an event that waits for its time.
    One that is not among `found` (any more) cannot be told apart.
    """
    for event in found:
        if event.offset == offset and (differing := _difference(row, event)) is not None:
            place = f"at offset {offset}" if offset else "that waits"
            raise IdempotencyConflictError(
                f"the event {place} has another {differing}", where=f"$.{differing}"
            )


def _difference(row: Row, event: Event) -> str | None:
    if row[5] != event.type:
        return "type"
    if row[8] != event.subject:
        return "subject"
    return "data" if row[14] != event.raw else None
