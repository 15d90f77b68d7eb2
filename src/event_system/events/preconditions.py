"""What a sender expects of a subject before its event is stored: optimistic concurrency."""

from __future__ import annotations

import re

from event_system.events.codec import Draft
from event_system.kernel.errors import PreconditionError

_OFFSET = re.compile(rb'"(\d{1,18})"|(\d{1,18})')


def expected_offset(match: bytes | None, none_match: bytes | None) -> int:
    """The offset that `If-Match` or `If-None-Match` expects; 0 is no event.

    Raises `PreconditionError` where they say nothing of the kind, or both something.
    """
    if match is None:
        if none_match is None or none_match.strip() != b"*":
            raise PreconditionError("If-None-Match can only be *", where="If-None-Match")
        return 0
    if none_match is not None:
        raise PreconditionError("If-Match and If-None-Match exclude each other", where="If-Match")
    found = _OFFSET.fullmatch(match.strip())
    if found is None:
        raise PreconditionError("If-Match has to be one offset in double quotes", where="If-Match")
    return int(found[1] or found[2])


def check_conditional(draft: Draft) -> None:
    """Raise `PreconditionError` where the draft cannot have a precondition."""
    if draft.subject is None:
        raise PreconditionError("a precondition needs an event with a subject", where="$.subject")
    if draft.deliver_at is not None:
        raise PreconditionError(
            "an event that is due later cannot have a precondition", where="$.deliver_at"
        )
