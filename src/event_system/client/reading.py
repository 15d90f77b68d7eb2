"""Reading a node: pages of the past, the live stream, the export."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, TypedDict

import httpx
import msgspec

from event_system.client.answers import decoded, error_of, foreign, read
from event_system.client.frames import Frame, FrameReader
from event_system.client.requests import TRANSPORT_FAULTS, FailedTryError, Requests, pause

SILENCE_SECONDS: Final = 40.0
"""A node sends a comment every 15 seconds; after this a stream counts as lost."""
PAGE_EVENTS: Final = 500
_STREAM: Final = "/api/events/stream"


class StreamFilter(TypedDict, total=False):
    """Which events to follow: a type or pattern, exactly this source, exactly this subject."""

    type: str
    source: str
    subject: str


class EventFilter(StreamFilter, total=False):
    """Which events of the past; `since` and `until` are RFC 3339, or a time ago (`-15m`)."""

    since: str
    until: str


class DeliveredFilter(EventFilter, total=False):
    """The same, and how a listener, or any, stands to them, such as `dead`."""

    status: str
    listener: str


@dataclass(frozen=True, slots=True)
class Gap:
    """The reader was too slow: matching events with offsets from `first` to `last` are missing."""

    first: int
    last: int


class _Page(msgspec.Struct):
    events: list[dict[str, Any]]
    next: str | None


async def pages(
    requests: Requests, wanted: Mapping[str, Any], order: Literal["oldest", "newest"]
) -> AsyncIterator[dict[str, Any]]:
    """Stored events in CloudEvents form, read page by page."""
    query = {**wanted, "order": order, "limit": PAGE_EVENTS}
    while True:
        page = await requests.ask(
            "GET", "/api/events", lambda answer: read(answer, _Page), params=query
        )
        for event in page.events:
            yield event
        if page.next is None:
            return
        query["cursor"] = page.next


async def live(
    requests: Requests, wanted: Mapping[str, Any], after: int | None
) -> AsyncIterator[dict[str, Any] | Gap]:
    """Events as they are stored, each once and in order, however often the connection is lost."""
    headers = {} if after is None else {"last-event-id": str(after)}
    retries = requests.retries()
    while True:
        try:
            async with _open(requests, _STREAM, wanted, headers, SILENCE_SECONDS) as answer:
                async for frame in _frames(answer):
                    retries.restart()
                    if frame.id is not None:
                        headers = {"last-event-id": frame.id}
                    if frame.data is not None:
                        yield _received(frame)
            raise requests.lost(httpx.RemoteProtocolError("the node ended the stream"))
        except FailedTryError as failed:
            await pause(retries, failed)


async def _frames(answer: httpx.Response) -> AsyncIterator[Frame]:
    reader = FrameReader()
    async for line in answer.aiter_lines():
        if frame := reader.feed(line):
            yield frame


def _received(frame: Frame) -> dict[str, Any] | Gap:
    found = decoded(frame.data or "", dict[str, Any])
    return Gap(found["from"], found["to"]) if frame.kind == "gap" else found


class _Position(msgspec.Struct):
    offset: int


@dataclass(frozen=True, slots=True)
class Exported:
    """Some lines of an export, each with its end, and where the export stands after them.

    `through` is the offset that it goes to. Where `position` equals it, that was all.
    """

    lines: list[bytes]
    position: int
    through: int


async def export(
    requests: Requests, wanted: Mapping[str, Any], after: int
) -> AsyncIterator[Exported]:
    """Everything stored after an offset until now, oldest first, as CloudEvents lines.

    A lost connection is made again where it broke.
    """
    retries = requests.retries()
    while True:
        try:
            async with _exporting(requests, wanted, after) as (answer, through):
                async for lines in _whole_lines(answer):
                    retries.restart()
                    if lines:
                        after = _offset.decode(lines[-1]).offset
                        yield Exported(lines, after, through)
            yield Exported([], through, through)
        except FailedTryError as failed:
            await pause(retries, failed)
        else:
            return


_offset = msgspec.json.Decoder(_Position)


async def _whole_lines(answer: httpx.Response) -> AsyncIterator[list[bytes]]:
    """The lines that have come; none where the node says that it still searches."""
    rest = b""
    async for chunk in answer.aiter_bytes():
        whole, found, end = chunk.rpartition(b"\n")
        if not found:
            rest += end
            continue
        lines = (rest + whole).split(b"\n")
        rest = end
        yield [line + b"\n" for line in lines if line]


@asynccontextmanager
async def _exporting(
    requests: Requests, wanted: Mapping[str, Any], after: int
) -> AsyncIterator[tuple[httpx.Response, int]]:
    query = {**wanted, "after": after}
    if after:
        query.pop("since", None)  # what comes after an exported event is young enough
    async with _open(requests, "/api/events/export", query, {}, requests.timeout) as answer:
        through = answer.headers.get("x-export-through", "")
        if not through.isdigit():
            raise FailedTryError(foreign(answer, "what answers is no node of event-system"))
        yield answer, int(through)


@asynccontextmanager
async def _open(
    requests: Requests,
    path: str,
    query: Mapping[str, Any],
    headers: Mapping[str, str],
    silence: float,
) -> AsyncIterator[httpx.Response]:
    """A streamed answer. Raises `FailedTryError` for all that goes wrong on the way."""
    timeout = httpx.Timeout(silence, connect=5.0, pool=None)
    try:
        async with requests.http.stream(
            "GET", path, params=query, headers=headers, timeout=timeout
        ) as answer:
            if not answer.is_success:
                await answer.aread()
                raise FailedTryError(error_of(answer), answer)
            yield answer
    except TRANSPORT_FAULTS as error:
        raise requests.lost(error) from error
