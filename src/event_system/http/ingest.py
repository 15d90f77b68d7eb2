"""The hot routes' work, whoever read the request: bytes in, an answer out.

`Ingest.handle` never blocks and never raises: it checks, hands the rows to the event manager,
and calls `reply` when they are durable (or at once with the fault). The protocol calls it
without any ASGI scope; `Ingest.answer` is the same for the ASGI application.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias
from urllib.parse import parse_qs

import msgspec

from event_system.events.codec import (
    JSON,
    STRUCTURED,
    Draft,
    decode_batch,
    decode_binary,
    decode_short,
    decode_structured,
)
from event_system.events.event import Row
from event_system.events.manager import EventManager
from event_system.events.ports import Appended, ListenerResult
from event_system.http.problems import problem_body
from event_system.kernel.errors import (
    BatchTooLargeError,
    BodyTooLargeError,
    EventSystemError,
    InvalidBatchError,
    InvalidQueryError,
    ProbeDisabledError,
    UnsupportedMediaTypeError,
)

Headers: TypeAlias = Mapping[bytes, bytes]
Identify: TypeAlias = Callable[[Headers], str]
"""The sender's name by its key; raises `UnauthorizedError`."""

ANSWER_JSON = b"application/json"
ANSWER_PROBLEM = b"application/problem+json"
ATTRIBUTE_BYTES = 65_536
"""What a single event's attributes may add to its data in the body."""

_encode = msgspec.json.Encoder(enc_hook=repr).encode


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A whole HTTP answer."""

    status: int
    body: bytes
    media_type: bytes = ANSWER_JSON


Reply: TypeAlias = Callable[[Answer], None]
Route: TypeAlias = tuple[bytes, bytes]
TRIGGER: Route = (b"POST", b"/api/events/trigger")
PROBE: Route = (b"GET", b"/api/events/trigger")
BATCH: Route = (b"POST", b"/api/events/batch")


@dataclass(slots=True)
class IngestSettings:
    """What an operator can change while the node runs; sizes in bytes."""

    probe_route: bool = True
    max_body_size: int = 16 * 1024 * 1024


class Ingest:
    """Answers the hot routes. `statuses` counts the answers by (path, status)."""

    def __init__(
        self,
        manager: EventManager,
        identify: Identify,
        settings: IngestSettings,
        refused: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.statuses: Counter[tuple[bytes, int]] = Counter()
        self._manager = manager
        self._identify = identify
        self._refused = refused
        self._running: set[asyncio.Task[None]] = set()
        self._routes = {TRIGGER: self._trigger, PROBE: self._probe, BATCH: self._batch}

    def body_limit(self, route: Route) -> int:
        """Bytes that a request of this route may have."""
        if route is BATCH:
            return self.settings.max_body_size
        return self._manager.limits.max_event_size + ATTRIBUTE_BYTES

    def handle(
        self, route: Route, query: bytes, headers: Headers, body: bytes, reply: Reply
    ) -> None:
        """Do what the route asks; header names are in lower case."""
        try:
            source = self._identify(headers)
            if len(body) > self.body_limit(route):
                raise BodyTooLargeError(f"over {self.body_limit(route)} bytes")
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

    def _refuse(self, error: Exception, reply: Reply, route: Route) -> None:
        known = error if isinstance(error, EventSystemError) else EventSystemError()
        self.statuses[route[1], known.status] += 1
        self._refused(known.code)
        reply(Answer(known.status, problem_body(known), ANSWER_PROBLEM))

    # One event

    def _trigger(
        self, source: str, query: bytes, headers: Headers, body: bytes, reply: Reply
    ) -> None:
        draft = read_single(headers, body)
        self._store_one(draft, source, headers, TRIGGER, reply)

    def _probe(
        self, source: str, query: bytes, headers: Headers, body: bytes, reply: Reply
    ) -> None:
        if not self.settings.probe_route:
            raise ProbeDisabledError
        self._store_one(Draft(type="system.probe"), source, headers, PROBE, reply)

    def _store_one(
        self, draft: Draft, source: str, headers: Headers, route: Route, reply: Reply
    ) -> None:
        trace = headers.get(b"traceparent")
        text = None if trace is None else trace.decode("latin-1")
        row = self._manager.admit(draft, source, text)
        self._manager.store((row,), partial(self._stored_one, row, route, reply))

    def _stored_one(self, row: Row, route: Route, reply: Reply, appended: Appended) -> None:
        if isinstance(appended, Exception):
            self._refuse(appended, reply, route)
            return
        offset = appended[0]
        if offset > 0 and self._manager.sync_listeners(row[5]):
            self._spawn(self._with_results(row, offset, route, reply))
            return
        self.statuses[route[1], 200] += 1
        reply(Answer(200, b"{" + _members(row, offset) + b"}"))

    async def _with_results(self, row: Row, offset: int, route: Route, reply: Reply) -> None:
        results = await self._manager.run_sync(row, offset)
        self.statuses[route[1], 200] += 1
        members = _members(row, offset) + b',"results":' + encode_results(results)
        reply(Answer(200, b"{" + members + b"}"))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    # Batches

    def _batch(
        self, source: str, query: bytes, headers: Headers, body: bytes, reply: Reply
    ) -> None:
        partial_ = _partial(query)
        drafts = decode_batch(_media_type(headers), body)
        limit = self._manager.limits.max_batch_events
        if len(drafts) > limit:
            raise BatchTooLargeError(f"{len(drafts)} events, over {limit}")
        trace = headers.get(b"traceparent")
        rows, faults = self._admit_all(
            drafts, source, None if trace is None else trace.decode("latin-1")
        )
        if faults and not partial_:
            error = InvalidBatchError(f"{len(faults)} of {len(drafts)} events are invalid")
            self.statuses[BATCH[1], error.status] += 1
            self._refused(error.code)
            body = problem_body(error, faults=faults)
            reply(Answer(error.status, body, ANSWER_PROBLEM))
        elif rows:
            self._manager.store(rows, partial(self._stored_batch, rows, faults, reply))
        else:
            self._stored_batch((), faults, reply, ())

    def _admit_all(
        self, drafts: Sequence[Draft | EventSystemError], source: str, trace: str | None
    ) -> tuple[list[Row], list[Fault]]:
        rows: list[Row] = []
        faults: list[Fault] = []
        admit = self._manager.admit
        for index, draft in enumerate(drafts):
            try:
                if isinstance(draft, EventSystemError):
                    raise draft
                rows.append(admit(draft, source, trace))
            except EventSystemError as error:
                if error.status >= 500:
                    raise
                faults.append(Fault(index, error.code, error.detail, error.where))
        return rows, faults

    def _stored_batch(
        self, rows: Sequence[Row], faults: list[Fault], reply: Reply, appended: Appended
    ) -> None:
        if isinstance(appended, Exception):
            self._refuse(appended, reply, BATCH)
        elif self._any_sync(rows, appended):
            self._spawn(self._batch_with_results(rows, appended, faults, reply))
        else:
            duplicates = sum(1 for at in appended if at < 0)
            self._reply_batch(list(map(_members, rows, appended)), duplicates, faults, reply)

    def _any_sync(self, rows: Sequence[Row], offsets: Sequence[int]) -> bool:
        fresh = {row[5] for row, at in zip(rows, offsets, strict=True) if at > 0}
        return any(self._manager.sync_listeners(type_) for type_ in fresh)

    async def _batch_with_results(
        self, rows: Sequence[Row], offsets: Sequence[int], faults: list[Fault], reply: Reply
    ) -> None:
        parts = []
        for row, offset in zip(rows, offsets, strict=True):
            members = _members(row, offset)
            if offset > 0 and (results := await self._manager.run_sync(row, offset)):
                members += b',"results":' + encode_results(results)
            parts.append(members)
        duplicates = sum(1 for at in offsets if at < 0)
        self._reply_batch(parts, duplicates, faults, reply)

    def _reply_batch(
        self, parts: list[bytes], duplicates: int, faults: list[Fault], reply: Reply
    ) -> None:
        self.statuses[BATCH[1], 200] += 1
        head = b'{"accepted":%d,"duplicates":%d,' % (len(parts) - duplicates, duplicates)
        events = b"},{".join(parts)
        body = head + b'"events":[' + (b"{" + events + b"}" if parts else b"")
        reply(Answer(200, body + b'],"faults":' + _encode(faults) + b"}"))


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with one event of a batch; `where` is the path within the event."""

    index: int
    code: str
    detail: str
    where: str | None = None


def read_single(headers: Headers, body: bytes) -> Draft:
    """The draft of a request that carries one event, by its content type."""
    if b"ce-specversion" in headers or b"ce-id" in headers:
        return decode_binary(headers.items(), body)
    content_type = headers.get(b"content-type")
    if content_type == b"application/json":
        return decode_short(body)
    media_type = _media_type(headers)
    if media_type == STRUCTURED:
        return decode_structured(body)
    if media_type == JSON:
        return decode_short(body)
    raise UnsupportedMediaTypeError(f"an event cannot be {media_type or 'without a content type'}")


def encode_results(results: Sequence[ListenerResult]) -> bytes:
    """Sync results as JSON; what JSON cannot say becomes its `repr`."""
    try:
        return _encode(results)
    except (TypeError, ValueError, RecursionError):
        return _encode([msgspec.structs.replace(r, result=repr(r.result)) for r in results])


def _members(row: Row, offset: int) -> bytes:
    if offset < 0:
        return b'"id":%b,"offset":%d,"duplicate":true' % (_encode(row[7]), -offset)
    return b'"id":%b,"offset":%d,"duplicate":false' % (_encode(row[7]), offset)


def _media_type(headers: Headers) -> str:
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")


def _partial(query: bytes) -> bool:
    """Whether `?partial=true`; refuses any other parameter by name."""
    parameters = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    values = parameters.pop("partial", ["false"])
    if parameters:
        raise InvalidQueryError("no such parameter", where=next(iter(parameters)))
    if values[-1] not in ("true", "false"):
        raise InvalidQueryError("`partial` is true or false", where="partial")
    return values[-1] == "true"


def _resolve(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)
