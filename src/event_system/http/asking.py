"""Requests that hear from elsewhere whether their limits let them through.

Only those that a limit concerns wait. While the shared limits do not answer, this node's own
count, at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from event_system.events.event import Row
from event_system.events.limiter import Want
from event_system.events.sharing import Refused, SharedLimits, Verdict
from event_system.http.admission import Admission, tell
from event_system.http.answer import Reply
from event_system.kernel.errors import EventSystemError


class Request(NamedTuple):
    """One that has been read. `then` goes on with it, `refuse` answers it with an error."""

    sender: str
    rows: Sequence[Row]
    reply: Reply
    then: Callable[[Reply], None]
    refuse: Callable[[EventSystemError, Reply], None]


class Asking:
    """Puts requests to the limits that nodes share. Loop thread only."""

    def __init__(self, admission: Admission, limits: SharedLimits) -> None:
        self._admission = admission
        self._limits = limits

    def ask(self, request: Request) -> None:
        """Judge a request, now or once there is an answer.

        Raises `UnfairShareError`, `RateLimitedError` and what `then` raises, where that is now.
        """
        wants = self._admission.wants(request.sender, request.rows)
        if not wants or not self._limits.usable:
            request.then(self._admission.admit(request.sender, request.rows, request.reply))
            return
        reply = self._admission.place(request.rows[0][6], request.reply)
        self._limits.ask(wants, partial(self._told, request, wants, reply))

    def _told(
        self, request: Request, wants: Sequence[Want], reply: Reply, verdict: Verdict
    ) -> None:
        try:
            request.then(partial(tell, self._lines(request, wants, verdict), reply))
        except EventSystemError as error:
            request.refuse(error, reply)

    def _lines(self, request: Request, wants: Sequence[Want], verdict: Verdict) -> bytes:
        if verdict is None:
            return self._admission.take(request.sender, request.rows)
        if isinstance(verdict, Refused):
            raise wants[verdict.place].refusal(verdict.wait)
        return self._admission.lines(request.sender, request.rows, wants, verdict)
