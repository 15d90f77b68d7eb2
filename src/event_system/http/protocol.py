"""The HTTP protocol object: answers the hot routes itself, hands all others to ASGI.

Uvicorn's httptools protocol reads the request. When the headers are complete, a plain request
for a hot route is taken; anything else (another route, HTTP/1.0, `Expect`, an upgrade, a
request behind one that ASGI is still answering) is replayed into the parent class, and so gets
the same answer from the ASGI application.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from event_system.http.admission import LARGE_BODY
from event_system.http.answer import ANSWER_PROBLEM, Answer, Reply
from event_system.http.connection import NEVER, BoundedProtocol, Housekeeping
from event_system.http.ingest import BATCH, PROBE, TRIGGER, Ingest, Route
from event_system.http.problems import problem_body, problem_header_lines
from event_system.kernel.errors import (
    BodyTooLargeError,
    BusyError,
    EventSystemError,
    HeadersTooLargeError,
    MalformedRequestError,
    RequestTimeoutError,
)

MAX_HEAD_BYTES = 65_536
MAX_PIPELINED = 32
_METHODS = {route: route for route in (TRIGGER, PROBE, BATCH)}


class IngestProtocol(BoundedProtocol):
    """One connection."""

    def __init__(
        self,
        ingest: Ingest,
        house: Housekeeping,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(house, config, server_state, app_state, _loop)
        self._ingest = ingest
        self._route: Route | None = None
        self._names: dict[bytes, bytes] = {}
        self._query = b""
        self._body = b""
        self._chunks: list[bytes] = []
        self._limit = 0
        self._received = 0
        self._counted = 0
        self._head_bytes = 0
        self._in_head = True
        self._began = False
        self._refused = False
        self._slots: deque[list[bytes | None]] = deque()
        self._held: deque[tuple[Any, Any]] = deque()
        self._last_slot: list[bytes | None] | None = None

    # The connection

    def connection_lost(self, exc: Exception | None) -> None:
        self._slots.clear()
        self._release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return  # an answer that ends the connection is on its way; the rest is not read
        if self._in_head:
            if not self._began:
                self._began = True
                self.deadline = self.house.now + self.house.settings.header_timeout
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._end(HeadersTooLargeError(f"over {MAX_HEAD_BYTES} bytes"))
        elif self._began and not self._refused:
            self._count()  # the rest is still to come, perhaps slowly

    def time_out(self) -> None:
        """The client took too long: with a request under way it is told so."""
        self.deadline = NEVER
        if self._began and not self._refused:
            self._end(RequestTimeoutError())
        else:
            super().time_out()

    def shutdown(self) -> None:
        if self._slots:
            self._last_slot = self._slots[-1]
        else:
            super().shutdown()

    # One request

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self._route = None

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        self._received = 0
        self._names = names = dict(self.headers)
        path, _, self._query = self.url.partition(b"?")
        route = _METHODS.get((self.parser.get_method(), path))
        if route is not None and self._is_plain(names):
            self._route = route
            self._limit = self._ingest.body_limit(route)
            self._body = b""
        else:
            self._limit = self.house.settings.max_body_size
            self._replay(names)
        self.deadline = self.house.now + self.house.settings.body_timeout
        length = names.get(b"content-length")
        if length is None:
            return
        if int(length) > self._limit:
            self._end(BodyTooLargeError(f"{int(length)} bytes, over {self._limit}"))
        elif int(length) > LARGE_BODY and route is not None:
            self._knock(route)

    def _knock(self, route: Route) -> None:
        """Do not read a large body that would be refused."""
        try:
            self._ingest.admission.knock()
        except EventSystemError as error:
            self._ingest.turned_away(route, error)
            self._end(error)

    def _is_plain(self, names: dict[bytes, bytes]) -> bool:
        cycle = self.cycle
        return (
            (cycle is None or cycle.response_complete)
            and not self._held
            and b"expect" not in names
            and self.parser.get_http_version() == "1.1"
            and not self.parser.should_upgrade()
        )

    def _replay(self, names: dict[bytes, bytes]) -> None:
        """Let the parent class have the request."""
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = names.get(b"expect", b"").lower() == b"100-continue"
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if self._slots:  # answers leave in the order of the requests
            self._held.append((cycle, app))
        else:
            super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        if self._refused:
            return
        self._received += len(body)
        if self._received > self._limit:
            self._end(BodyTooLargeError(f"over {self._limit} bytes"))
        elif self._route is None:
            super().on_body(body)
        elif not self._body:
            self._body = body
        else:
            self._chunks.append(body)
        if self._received > LARGE_BODY and not self._refused:
            self._count()

    def _count(self) -> None:
        """Count what is held of a request; where all together are too large, end it."""
        size = max(0, self._head_bytes + self._received - self._counted)
        try:
            self._ingest.admission.hold(size, self._counted)
        except BusyError as error:
            self._end(error)
        else:
            self._counted += size

    def _release(self) -> None:
        if self._counted:
            self._ingest.admission.release(self._counted)
            self._counted = 0

    def _releasing(self, reply: Reply) -> Reply:
        """The same, where bytes were counted, which are held until the answer."""
        size, self._counted = self._counted, 0

        def release(answer: Answer) -> None:
            self._ingest.admission.release(size)
            reply(answer)

        return release

    def on_message_complete(self) -> None:
        self._in_head = True
        self._began = False
        self.deadline = NEVER
        if self._refused:
            return
        route = self._route
        if route is None:
            self._release()
            super().on_message_complete()
            return
        body = self._body
        if self._chunks:
            body = b"".join((body, *self._chunks))
            self._chunks = []
        slot: list[bytes | None] = [None]
        self._slots.append(slot)
        if len(self._slots) >= MAX_PIPELINED:
            self.flow.pause_reading()
        if not self.parser.should_keep_alive():
            self._last_slot = slot
        reply: Reply = partial(self._answer_noted, slot, route[1], self.house.monotonic())
        if self._counted:
            reply = self._releasing(reply)
        self._ingest.handle(route, self._query, self._names, body, reply)

    # Answers

    def _answer_noted(
        self, slot: list[bytes | None], path: bytes, began: float, answer: Answer
    ) -> None:
        self.house.note(path, self.house.monotonic() - began, len(answer.body))
        self._answer(slot, answer)

    def _answer(self, slot: list[bytes | None], answer: Answer) -> None:
        body = answer.body
        end = b"\r\nconnection: close\r\n\r\n" if slot is self._last_slot else b"\r\n\r\n"
        if answer.lines:
            end = answer.lines + end
        if answer.status >= 400:
            end = problem_header_lines(answer.status) + end
        slot[0] = b"%b%b%b\r\ncontent-length: %d%b%b" % (
            *(STATUS_LINE[answer.status], self.house.head, answer.media_type),
            *(len(body), end, body),
        )
        self._flush()

    def _flush(self) -> None:
        slots, transport = self._slots, self.transport
        while slots and (content := slots[0][0]) is not None:
            done = slots.popleft()
            if transport.is_closing():
                slots.clear()
                return
            transport.write(content)
            if done is self._last_slot:
                transport.close()
                return
        if not slots:
            self.flow.resume_reading()
            if self._held:
                super()._start_asgi_task(*self._held.popleft())
            elif not self._began:
                self.deadline = self.house.now + self.house.settings.keep_alive

    def send_400_response(self, msg: str) -> None:
        self._end(MalformedRequestError())

    def _end(self, error: EventSystemError) -> None:
        """Answer with a problem and end the connection, whatever else it wanted to send."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self.house.ended += 1
        self._chunks = []
        self._release()
        self.deadline = NEVER
        slot: list[bytes | None] = [None]
        self._slots.append(slot)
        self._last_slot = slot
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._answer(slot, Answer(error.status, problem_body(error), ANSWER_PROBLEM))
