"""The client: one object for everything that a program asks of a node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, Unpack

import httpx

from event_system.client.answers import BatchReceipt, Receipt, foreign, read
from event_system.client.drafts import NO_DATA, Draft, EventMembers, draft, encoded
from event_system.client.options import ClientOptions
from event_system.client.outbox import Outbox
from event_system.client.reading import (
    DeliveredFilter,
    EventFilter,
    Exported,
    Gap,
    StreamFilter,
    export,
    live,
    pages,
)
from event_system.client.requests import Requests
from event_system.kernel.errors import ClientClosedError, UndeliveredError
from event_system.kernel.ids import IdFactory

_JSON = {"content-type": "application/json"}
_CLOUDEVENT = {"content-type": "application/cloudevents+json"}
_LINES = {"content-type": "application/x-ndjson"}
_log = logging.getLogger(__name__)


class EventClient:
    """Talks to the node at `url`; use it within `async with`.

    `key` is the API key, `source` the one of all events that name none. Everything raises the
    classes of `event_system.kernel.errors`, with the node's `code`, `detail` and `where`.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8080",
        *,
        key: str | None = None,
        source: str | None = None,
        options: ClientOptions | None = None,
    ) -> None:
        self._url = url
        self._key = key
        self._source = source
        self._options = options or ClientOptions()
        self._ids = IdFactory(self._options.random_bytes)
        self._requests: Requests | None = None
        self._outbox: Outbox | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        options = self._options
        requests = Requests(options.http(self._url, self._key), self._url, options)
        self._requests = requests
        self._outbox = Outbox(lambda drafts: _post(requests, drafts, partial=True), options)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        try:
            await self.close()
        except UndeliveredError as undelivered:
            if error is None:
                raise
            _log.warning("%s: %s", undelivered.title, undelivered.detail)

    async def trigger(
        self, type: str, data: Any = NO_DATA, **members: Unpack[EventMembers]
    ) -> Receipt:
        """Trigger an event; it is durable when this returns, and sync listeners have run."""
        requests = self._open_requests()
        event = self._draft(type, data, members)
        headers = _CLOUDEVENT if event.body.startswith(_CLOUDEVENT_BEGINS) else _JSON
        return await requests.ask(
            "POST",
            "/api/events/trigger",
            lambda answer: _receipt(answer, event.id),
            content=event.body,
            headers=headers,
        )

    async def send(
        self, type: str, data: Any = NO_DATA, **members: Unpack[EventMembers]
    ) -> asyncio.Future[Receipt]:
        """Buffer an event, to be sent with others; the future of its receipt.

        Waits while the buffer is full. Events of one subject keep the order of the calls. A
        future that fails has the event's own error.
        """
        self._open_requests()
        assert self._outbox is not None
        return await self._outbox.put(self._draft(type, data, members))

    async def batch(
        self, events: Iterable[Mapping[str, Any]], *, partial: bool = False
    ) -> BatchReceipt:
        """Store events in one transaction: all or, with `partial`, those that are valid.

        They are in the short form or in CloudEvents form; those without `id` get one. Raises
        `InvalidBatchError` with `faults`.
        """
        return await self.post([self._whole(event) for event in events], partial=partial)

    async def post(self, drafts: Sequence[Draft], *, partial: bool = False) -> BatchReceipt:
        """The same for events that are encoded already."""
        return await _post(self._open_requests(), drafts, partial=partial)

    def events(
        self,
        *,
        order: Literal["oldest", "newest"] = "oldest",
        **wanted: Unpack[DeliveredFilter],
    ) -> AsyncIterator[dict[str, Any]]:
        """Stored events in CloudEvents form, with `offset`, `lane` and `received_at`."""
        return pages(self._open_requests(), wanted, order)

    def stream(
        self, *, after: int | None = None, **wanted: Unpack[StreamFilter]
    ) -> AsyncIterator[dict[str, Any] | Gap]:
        """Events as they are stored, from the next one on, or all after an offset.

        A lost connection is made again where it broke. A reader that is too slow gets a `Gap`
        in place of the events that it missed. Never ends by itself.
        """
        return live(self._open_requests(), wanted, after)

    def export(self, *, after: int = 0, **wanted: Unpack[EventFilter]) -> AsyncIterator[Exported]:
        """Everything after an offset until now, oldest first, as lines of CloudEvents JSON."""
        return export(self._open_requests(), wanted, after)

    async def flush(self) -> None:
        """Wait until everything that was sent before now is stored or refused."""
        self._open_requests()
        assert self._outbox is not None
        await self._outbox.flush()

    async def close(self) -> None:
        """Send what is buffered, within `close_timeout`, then close the connections.

        Raises `UndeliveredError` with the events that had no answer in time.
        """
        if self._requests is None or self._closed:
            return
        self._closed = True
        assert self._outbox is not None
        try:
            await self._outbox.close(self._options.close_timeout)
        finally:
            await self._requests.http.aclose()

    def _open_requests(self) -> Requests:
        if self._requests is None or self._closed:
            raise ClientClosedError
        return self._requests

    def _draft(self, type: str, data: Any, members: EventMembers) -> Draft:
        defaults: EventMembers = {"id": self._next_id()}
        if self._source is not None:
            defaults["source"] = self._source
        return draft(type, data, members, defaults)

    def _next_id(self) -> str:
        return self._ids.next(self._options.clock.now_us())

    def _whole(self, event: Mapping[str, Any]) -> Draft:
        members = dict(event)
        if members.get("id") is None:
            members["id"] = self._next_id()
        if members.get("source") is None and self._source is not None:
            members["source"] = self._source
        return Draft(members["id"], None, encoded(members))


async def _post(requests: Requests, drafts: Sequence[Draft], *, partial: bool) -> BatchReceipt:
    return await requests.ask(
        "POST",
        "/api/events/batch",
        lambda answer: _batch_receipt(answer, drafts),
        content=b"\n".join(draft.body for draft in drafts),
        headers=_LINES,
        params={"partial": "true"} if partial else None,
    )


_CLOUDEVENT_BEGINS = b'{"specversion"'


def _receipt(answer: httpx.Response, id_: str) -> Receipt:
    """The receipt, once it is sure that it belongs to this event.

    A proxy that sends an answer twice leaves the second one to the connection's next request.
    """
    receipt = read(answer, Receipt)
    if receipt.id != id_:
        raise foreign(answer, "the answer belongs to another request")
    return receipt


def _batch_receipt(answer: httpx.Response, drafts: Sequence[Draft]) -> BatchReceipt:
    receipt = read(answer, BatchReceipt)
    faulty = {fault.index for fault in receipt.faults}
    sent = [draft.id for index, draft in enumerate(drafts) if index not in faulty]
    if [event.id for event in receipt.events] != sent:
        raise foreign(answer, "the answer belongs to another request")
    return receipt
