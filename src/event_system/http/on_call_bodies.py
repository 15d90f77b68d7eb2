"""What requests about who is on call say."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from event_system.http.bodies import instant_us, span_us
from event_system.kernel.errors import InvalidRequestError
from event_system.kernel.spans import Span
from event_system.oncall.overrides import MAX_NOTE, MILLISECOND_US, Override
from event_system.oncall.roster import override_of

_Name = Annotated[str, Meta(min_length=1, max_length=64)]


class NewOverride(Struct, forbid_unknown_fields=True):
    """Somebody stands in: from `start` (now where it is missing) to `end`, or `for` a span."""

    schedule: _Name
    person: _Name
    start: Annotated[str | None, Meta(description="RFC 3339 with a zone.")] = None
    end: Annotated[str | None, Meta(description="RFC 3339 with a zone.")] = None
    for_: Annotated[str | None, Meta(description="Instead of `end`: `90m`, `8h`, `2d`.")] = (
        msgspec.field(default=None, name="for")
    )
    note: Annotated[str, Meta(max_length=MAX_NOTE)] = ""
    by: (
        Annotated[
            str,
            Meta(
                min_length=1, max_length=100, description="Who says so; by default the key's name."
            ),
        ]
        | None
    ) = None

    def wanted(self, now_us: int, caller: str) -> Override:
        """What is to be stored. Raises `InvalidRequestError`."""
        start_us = now_us if self.start is None else instant_us(self.start, "start")
        if (self.end is None) == (self.for_ is None):
            raise InvalidRequestError("give `end` or `for`", where="end")
        if self.end is not None:
            end_us = instant_us(self.end, "end")
        else:
            end_us = start_us + span_us(self.for_ or "", "for")
        span = Span(*(us // MILLISECOND_US * MILLISECOND_US for us in (start_us, end_us)))
        return override_of(self.schedule, self.person, span, self.by or caller, self.note)
