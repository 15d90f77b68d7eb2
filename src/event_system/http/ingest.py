"""The hot routes' work, whoever read the request: bytes in, an answer out.

`Ingest.handle` never blocks and never raises: it checks, hands the rows to the event manager,
and calls `reply` when they are durable (or at once with the fault). The protocol calls it
without any ASGI scope; `Ingest.answer` is the same for the ASGI application.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import TypeAlias

from msgspec import Raw

from event_system.events.codec import Draft
from event_system.events.event import Row
from event_system.events.idempotency import give_id, parse_key
from event_system.events.manager import EventManager
from event_system.events.ports import Appended
from event_system.events.preconditions import check_conditional, expected_offset
from event_system.http.admission import Admission
from event_system.http.answer import ANSWER_PROBLEM, Answer, Reply
from event_system.http.asking import Asking, Request
from event_system.http.drafts import sort_out
from event_system.http.encodings import unpacked
from event_system.http.limit_lines import error_lines
from event_system.http.problems import problem_body
from event_system.http.reading import (
    Headers,
    partial_of,
    read_batch,
    read_single,
    refuse_parameters,
)
from event_system.http.receipts import (
    BatchReceipt,
    Fault,
    encode_batch,
    encode_results,
    members_of,
    receipt_of,
    receipts_of,
    standing_members,
)
from event_system.kernel.errors import (
    BodyTooLargeError,
    EventSystemError,
    InvalidBatchError,
    ProbeDisabledError,
)
from event_system.scheduling.delayed import DelayedEvents
from event_system.scheduling.ports import Held, Standing

Identify: TypeAlias = Callable[[Headers], str]
"""The sender's name by its key; raises `UnauthorizedError`."""

ATTRIBUTE_BYTES = 65_536
"""What a single event's attributes may add to its data in the body."""

Stored: TypeAlias = "Callable[[Row, Route, Reply, Appended], None]"
"""What goes on with one event when the log has it, or has refused it."""
Route: TypeAlias = tuple[bytes, bytes]
TRIGGER: Route = (b"POST", b"/api/events/trigger")
PROBE: Route = (b"GET", b"/api/events/trigger")
BATCH: Route = (b"POST", b"/api/events/batch")
_type_of = itemgetter(5)


@dataclass(slots=True)
class IngestSettings:
    """What an operator can change while the node runs; sizes in bytes."""

    probe_route: bool = True
    max_body_size: int = 16 * 1024 * 1024


class Ingest:
    """Answers the hot routes. `statuses` counts the answers by (path, status).

    `asking` is there where nodes share their limits.
    """

    def __init__(
        self,
        manager: EventManager,
        identify: Identify,
        settings: IngestSettings,
        admission: Admission,
        refused: Callable[[str], None],
        delayed: DelayedEvents,
    ) -> None:
        self.settings = settings
        self.admission = admission
        self.asking: Asking | None = None
        self.statuses: Counter[tuple[bytes, int]] = Counter()
        self._manager = manager
        self._identify = identify
        self._refused = refused
        self._delayed = delayed
        self._running: set[asyncio.Task[None]] = set()
        self._routes = {TRIGGER: self._trigger, PROBE: self._probe, BATCH: self._batch}

    def body_limit(self, route: Route) -> int:
        """Bytes that a request of this route may have."""
        if route is BATCH:
            return self.settings.max_body_size
        return self._manager.limits.max_event_size + ATTRIBUTE_BYTES

    def turned_away(self, route: Route, error: EventSystemError) -> None:
        """Count a request that was refused before its body was read."""
        self._refused(error.code)
        self.statuses[route[1], error.status] += 1

    def handle(
        self, route: Route, query: bytes, headers: Headers, body: bytes, reply: Reply
    ) -> None:
        """Do what the route asks; header names are in lower case."""
        admission = self.admission
        admission.in_flight += 1
        try:
            source = self._identify(headers)
            if admission.in_flight > admission.calm and route is not PROBE:
                admission.enter()
            if len(body) > self.body_limit(route):
                raise BodyTooLargeError(f"over {self.body_limit(route)} bytes")
            if b"content-encoding" in headers:
                body = unpacked(headers[b"content-encoding"], body, self.body_limit(route))
            self._routes[route](source, query, headers, body, reply)
        except EventSystemError as error:
            self._refuse(error, reply, route)

    async def answer(self, route: Route, query: bytes, headers: Headers, body: bytes) -> Answer:
        """The same for a caller that waits."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.handle(route, query, headers, body, lambda answer: _resolve(future, answer))
        return await future

    async def drain(self) -> None:
        """Wait for the sync listeners of accepted events."""
        while self._running:
            await asyncio.wait(self._running)

    def _refuse(
        self, error: Exception, reply: Reply, route: Route, faults: Sequence[Fault] = ()
    ) -> None:
        known = error if isinstance(error, EventSystemError) else EventSystemError()
        self._refused(known.code)
        body = problem_body(known, faults=faults)
        self._finish(route, Answer(known.status, body, ANSWER_PROBLEM, error_lines(known)), reply)

    def _finish(self, route: Route, answer: Answer, reply: Reply) -> None:
        self.admission.in_flight -= 1
        self.statuses[route[1], answer.status] += 1
        reply(answer)

    # One event

    def _trigger(
        self, source: str, query: bytes, headers: Headers, body: bytes, reply: Reply
    ) -> None:
        if query:
            refuse_parameters(query)
        draft = read_single(headers, body)
        key = headers.get(b"idempotency-key")
        stored = None
        if key is not None and give_id(parse_key(key), draft):
            stored = self._stored_keyed
        if b"if-match" in headers or b"if-none-match" in headers:
            self._store_if(draft, source, headers, reply, stored or self._stored_one)
        else:
            self._store_one(draft, source, headers, TRIGGER, reply, stored)

    def _probe(
        self, source: str, query: bytes, headers: Headers, body: bytes, reply: Reply
    ) -> None:
        if not self.settings.probe_route:
            raise ProbeDisabledError
        if query:
            refuse_parameters(query)
        self._store_one(Draft(type="system.probe"), source, headers, PROBE, reply)

    def _store_one(
        self,
        draft: Draft,
        source: str,
        headers: Headers,
        route: Route,
        reply: Reply,
        stored: Stored | None = None,
    ) -> None:
        trace = headers.get(b"traceparent")
        text = None if trace is None else trace.decode("latin-1")
        row = self._manager.admit(draft, source, text)
        held = None if draft.deliver_at is None else self._delayed.held(draft, row)
        admission = self.admission
        if admission.in_flight > admission.unjudged and route is not PROBE:
            if self.asking is not None:
                then = partial(self._keep_one, held, row, route, stored)
                self._judge(source, (row,), route, reply, then)
                return
            reply = admission.admit(source, (row,), reply)
        self._keep_one(held, row, route, stored, reply)

    def _keep_one(
        self, held: Held | None, row: Row, route: Route, stored: Stored | None, reply: Reply
    ) -> None:
        if held is not None:
            told = partial(self._accepted_one, row, route, reply, stored)
            self._delayed.accept([held], told)
            return
        self._manager.store((row,), partial(stored or self._stored_one, row, route, reply))

    def _judge(
        self,
        source: str,
        rows: Sequence[Row],
        route: Route,
        reply: Reply,
        then: Callable[[Reply], None],
    ) -> None:
        """Go on with a request that is let in; `then` is told what to answer it with."""
        if self.admission.in_flight <= self.admission.unjudged:
            then(reply)
        elif self.asking is None:
            then(self.admission.admit(source, rows, reply))
        else:
            refuse = partial(self._refuse, route=route)
            self.asking.ask(Request(source, rows, reply, then, refuse))

    def _store_if(
        self, draft: Draft, source: str, headers: Headers, reply: Reply, stored: Stored
    ) -> None:
        """As `_store_one`, for an event with a precondition."""
        expected = expected_offset(headers.get(b"if-match"), headers.get(b"if-none-match"))
        check_conditional(draft)
        row = self._manager.admit(draft, source, headers.get(b"traceparent", b"").decode("latin-1"))

        def then(reply: Reply) -> None:
            self._spawn(self._append_if(row, expected, reply, stored))

        self._judge(source, (row,), TRIGGER, reply, then)

    async def _append_if(self, row: Row, expected: int, reply: Reply, stored: Stored) -> None:
        try:
            offset = await self._manager.store_if(row, expected)
        except EventSystemError as error:
            self._refuse(error, reply, TRIGGER)
        else:
            stored(row, TRIGGER, reply, (offset,))

    def _stored_keyed(self, row: Row, route: Route, reply: Reply, appended: Appended) -> None:
        """As `_stored_one`, for an id that was made of a key: it must stand for one event."""
        if isinstance(appended, Exception) or appended[0] > 0:
            self._stored_one(row, route, reply, appended)
        else:
            self._spawn(self._compare(row, route, reply, appended))

    async def _compare(self, row: Row, route: Route, reply: Reply, appended: Sequence[int]) -> None:
        try:
            await self._manager.check_same(row, -appended[0])
        except EventSystemError as error:
            self._refuse(error, reply, route)
        else:
            self._stored_one(row, route, reply, appended)

    def _stored_one(self, row: Row, route: Route, reply: Reply, appended: Appended) -> None:
        if isinstance(appended, Exception):
            self._refuse(appended, reply, route)
            return
        offset = appended[0]
        if offset > 0 and self._manager.sync_listeners(row[5]):
            self._spawn(self._with_results(row, offset, route, reply))
            return
        self.admission.in_flight -= 1
        self.statuses[route[1], 200] += 1
        reply(Answer(200, b"{" + members_of(row, offset) + b"}"))

    def _accepted_one(
        self,
        row: Row,
        route: Route,
        reply: Reply,
        stored: Stored | None,
        accepted: list[Standing] | Exception,
    ) -> None:
        """`stored` is given for an id that was made of a key."""
        if isinstance(accepted, Exception):
            self._refuse(accepted, reply, route)
        elif not accepted[0].due_us:
            told = stored or self._stored_one
            told(row, route, reply, [accepted[0].signed_offset])
        elif stored and accepted[0].duplicate:
            self._spawn(self._compare_waiting(row, route, reply, accepted[0]))
        else:
            self._waits(row, route, reply, accepted[0])

    async def _compare_waiting(
        self, row: Row, route: Route, reply: Reply, standing: Standing
    ) -> None:
        try:
            await self._delayed.check_same(row)
        except EventSystemError as error:
            self._refuse(error, reply, route)
        else:
            self._waits(row, route, reply, standing)

    def _waits(self, row: Row, route: Route, reply: Reply, standing: Standing) -> None:
        self._finish(route, Answer(200, b"{" + standing_members(row, standing) + b"}"), reply)

    async def _with_results(self, row: Row, offset: int, route: Route, reply: Reply) -> None:
        results = await self._manager.run_sync(row, offset)
        members = members_of(row, offset) + b',"results":' + encode_results(results)
        self._finish(route, Answer(200, b"{" + members + b"}"), reply)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    # Batches

    def _batch(
        self, source: str, query: bytes, headers: Headers, body: bytes, reply: Reply
    ) -> None:
        partial_ = partial_of(query)
        drafts = read_batch(headers, body, self._manager.limits.max_batch_events)
        trace = headers.get(b"traceparent")
        text = None if trace is None else trace.decode("latin-1")
        admitted = self._manager.admit_all(drafts, source, text)
        rows, held, faults = sort_out(drafts, admitted, self._delayed.held)
        if faults and not partial_:
            error = InvalidBatchError(f"{len(faults)} of {len(drafts)} events are invalid")
            self._refuse(error, reply, BATCH, faults)
            return
        then = partial(self._keep_all, rows, held, faults)
        if rows:
            self._judge(source, rows, BATCH, reply, then)
        else:
            then(reply)

    def _keep_all(
        self, rows: Sequence[Row], held: dict[int, Held], faults: list[Fault], reply: Reply
    ) -> None:
        if held:
            every = [held.get(at) or Held(row, 0) for at, row in enumerate(rows)]
            self._delayed.accept(every, partial(self._accepted_batch, rows, faults, reply))
        elif rows:
            self._manager.store(rows, partial(self._stored_batch, rows, faults, reply))
        else:
            self._stored_batch((), faults, reply, ())

    def _stored_batch(
        self, rows: Sequence[Row], faults: list[Fault], reply: Reply, appended: Appended
    ) -> None:
        if isinstance(appended, Exception):
            self._refuse(appended, reply, BATCH)
        else:
            self._told_batch(rows, receipts_of(rows, appended), faults, reply)

    def _accepted_batch(
        self,
        rows: Sequence[Row],
        faults: list[Fault],
        reply: Reply,
        accepted: list[Standing] | Exception,
    ) -> None:
        if isinstance(accepted, Exception):
            self._refuse(accepted, reply, BATCH)
        else:
            self._told_batch(rows, list(map(receipt_of, rows, accepted)), faults, reply)

    def _told_batch(
        self, rows: Sequence[Row], receipts: list[BatchReceipt], faults: list[Fault], reply: Reply
    ) -> None:
        if any(self._manager.sync_listeners(type_) for type_ in set(map(_type_of, rows))):
            self._spawn(self._batch_with_results(rows, receipts, faults, reply))
        else:
            self._reply_batch(receipts, faults, reply)

    async def _batch_with_results(
        self, rows: Sequence[Row], receipts: list[BatchReceipt], faults: list[Fault], reply: Reply
    ) -> None:
        for row, receipt in zip(rows, receipts, strict=True):
            fresh = receipt.offset and not receipt.duplicate
            if fresh and (results := await self._manager.run_sync(row, receipt.offset)):
                receipt.results = Raw(encode_results(results))
        self._reply_batch(receipts, faults, reply)

    def _reply_batch(self, receipts: list[BatchReceipt], faults: list[Fault], reply: Reply) -> None:
        self._finish(BATCH, Answer(200, encode_batch(receipts, faults)), reply)


def _resolve(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)
