"""Live feed of stored events: a bounded queue a client, fed by commits, resumable by offset.

`LiveTail.publish` is shown every commit and costs one assignment while nobody listens. A
stream first reads from the log what its client has missed, then goes live. A client that is
too slow loses events, is told which, and goes on with new ones.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from types import TracebackType
from typing import Final

import msgspec

from event_system.events.event import Event, Row, cloudevent, event_of
from event_system.events.ports import Commit, EventLog, Filter
from event_system.kernel.errors import StoppingError, TooManyStreamsError
from event_system.kernel.patterns import matches, parse_pattern

MAX_STREAMS: Final = 512
MAX_QUEUED_EVENTS: Final = 1024
MAX_QUEUED_BYTES: Final = 4 * 1024 * 1024
PAGE: Final = 500
CHUNK_BYTES: Final = 65_536
HEARTBEAT_SECONDS: Final = 15.0
RETRY: Final = b"retry: 2000\n\n"

_ATTRIBUTE_BYTES = 300  # what an event's attributes add to its data, about
_MAX_CACHED_TYPES = 10_000
_encode = msgspec.json.Encoder().encode


class LiveTail:
    """The open streams of a node. All calls are made on the event loop's thread."""

    def __init__(self, log: EventLog, *, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self.log = log
        self.heartbeat_seconds = heartbeat_seconds
        self.closed = False
        self.published = 0
        self._open: set[LiveStream] = set()
        self._live: list[LiveStream] = []
        self._by_type: dict[str, list[LiveStream]] = {}

    @property
    def newest(self) -> int:
        """Offset up to which events were shown to live streams, or can be read."""
        return max(self.published, self.log.head)

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._open)

    def publish(self, commit: Commit) -> None:
        """Show a commit to the live streams. Commits come in the order of their offsets."""
        self.published = commit.first + len(commit.rows) - 1
        if self._live:
            for offset, row in enumerate(commit.rows, commit.first):
                if interested := self._interested(row[5]):
                    _offer(Item(offset, row), interested)

    def _interested(self, type_: str) -> list[LiveStream]:
        found = self._by_type.get(type_)
        if found is None:
            if len(self._by_type) >= _MAX_CACHED_TYPES:
                self._by_type.clear()
            found = self._by_type[type_] = [s for s in self._live if s.matches_type(type_)]
        return found

    def subscribe(self, wanted: Filter, after: int | None = None) -> LiveStream:
        """A stream of the events that `wanted` names (its times are not looked at).

        It begins after the offset `after`, or with the next event. Enter it as a context
        manager to free it. Raises `InvalidPatternError`, `TooManyStreamsError`, and
        `StoppingError` once the tail is closed.
        """
        pattern = parse_pattern(wanted.pattern) if wanted.pattern is not None else None
        if self.closed:
            raise StoppingError
        if len(self._open) >= MAX_STREAMS:
            raise TooManyStreamsError(f"{MAX_STREAMS} streams are open")
        newest = self.newest
        stream = LiveStream(self, wanted, pattern, newest if after is None else min(after, newest))
        self._open.add(stream)
        return stream

    def attach(self, stream: LiveStream) -> None:
        """Feed a stream from the next commit on."""
        self._live.append(stream)
        self._by_type.clear()

    def detach(self, stream: LiveStream) -> None:
        """Forget a stream."""
        self._open.discard(stream)
        if stream in self._live:
            self._live.remove(stream)
            self._by_type.clear()

    def close(self) -> None:
        """End all streams at once, and open no more."""
        self.closed = True
        for stream in self._open:
            stream.end()


class Item:
    """A published event on its way to streams; its frame is made once, for the first of them."""

    __slots__ = ("_event", "_frame", "offset", "row", "size")

    def __init__(self, offset: int, row: Row) -> None:
        self.offset = offset
        self.row = row
        self.size = _ATTRIBUTE_BYTES + len(row[14] or b"")
        self._event: Event | None = None
        self._frame: bytes | None = None

    @property
    def event(self) -> Event:
        if self._event is None:
            self._event = event_of(self.offset, self.row)
        return self._event

    @property
    def frame(self) -> bytes:
        if self._frame is None:
            self._frame = event_frame(self.event)
        return self._frame


def _offer(item: Item, streams: list[LiveStream]) -> None:
    source, subject = item.row[6], item.row[8]
    for stream in streams:
        if (
            item.offset > stream.position
            and stream.matches_names(source, subject)
            and (not stream.where or stream.matches_data(item.event))
        ):
            stream.offer(item)


class LiveStream:
    """One client's stream. `position` is the offset up to which it has been served."""

    def __init__(
        self, tail: LiveTail, wanted: Filter, pattern: tuple[str, ...] | None, position: int
    ) -> None:
        self.position = position
        self.where = wanted.where
        self.ended = asyncio.Event()
        self._tail = tail
        self._wanted = wanted
        self._pattern = pattern
        self._queue: deque[Item] = deque()
        self._bytes = 0
        self._gap: tuple[int, int] | None = None
        self._wake = asyncio.Event()

    def __enter__(self) -> LiveStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._tail.detach(self)

    def matches_type(self, type_: str) -> bool:
        return self._pattern is None or matches(self._pattern, type_)

    def matches_names(self, source: str, subject: str | None) -> bool:
        wanted = self._wanted
        return (wanted.source is None or wanted.source == source) and (
            wanted.subject is None or wanted.subject == subject
        )

    def matches_data(self, event: Event) -> bool:
        return all(test.holds(event) for test in self.where)

    def offer(self, item: Item) -> None:
        """Queue an event; where there is no room, drop all that wait and note the gap."""
        queue = self._queue
        full = len(queue) >= MAX_QUEUED_EVENTS or self._bytes + item.size > MAX_QUEUED_BYTES
        if queue and full:
            first = self._gap[0] if self._gap else queue[0].offset
            self._gap = (first, queue[-1].offset)
            queue.clear()
            self._bytes = 0
        queue.append(item)
        self._bytes += item.size
        self._wake.set()

    def end(self) -> None:
        """Let `frames` end, whatever waits."""
        self.ended.set()
        self._wake.set()

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Chunks of whole SSE frames, until the stream is ended."""
        yield RETRY
        while not self.ended.is_set() and self.position < self._tail.newest:
            yield await self._read_page()
        # Nothing is awaited between the check above and here, so no commit can slip through.
        self._tail.attach(self)
        while not self.ended.is_set():
            yield await self._next_chunk()

    async def _read_page(self) -> bytes:
        if self.position < (floor := self._tail.log.floor):
            gap = gap_frame(self.position + 1, floor)
            self.position = floor
            return gap
        page = await self._tail.log.read(self.position, PAGE)
        self.position = page.through
        frames = [event_frame(event) for event in page.events if self._wants(event)]
        return b"".join(frames) or heartbeat(self.position)

    def _wants(self, event: Event) -> bool:
        return (
            self.matches_type(event.type)
            and self.matches_names(event.source, event.subject)
            and self.matches_data(event)
        )

    async def _next_chunk(self) -> bytes:
        """What waits, up to about 64 KiB, or a heartbeat after a while of nothing."""
        await self._wait()
        if not self._wake.is_set():
            self.position = max(self.position, self._tail.published)
            return heartbeat(self.position)
        chunk = self._take()
        if not self._queue and not self.ended.is_set():
            self._wake.clear()
        return chunk

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._tail.heartbeat_seconds):
                await self._wake.wait()

    def _take(self) -> bytes:
        frames = [gap_frame(*self._gap)] if self._gap else []
        self._gap = None
        size = 0
        while self._queue and size < CHUNK_BYTES:
            item = self._queue.popleft()
            self._bytes -= item.size
            self.position = item.offset
            frames.append(item.frame)
            size += len(item.frame)
        return b"".join(frames)


def event_frame(event: Event) -> bytes:
    """`id: <offset>`, `event: event`, and the CloudEvents JSON in one `data:` line."""
    data = _encode(cloudevent(event)).replace(b"\n", b" ").replace(b"\r", b" ")
    return b"id: %d\nevent: event\ndata: %b\n\n" % (event.offset, data)


def gap_frame(first: int, last: int) -> bytes:
    """Says that matching events with offsets from `first` to `last` were left out."""
    return b'event: gap\ndata: {"from":%d,"to":%d}\n\n' % (first, last)


def heartbeat(position: int) -> bytes:
    """A comment; its id moves the client's `Last-Event-ID` past what its filter left out."""
    return b":\nid: %d\n\n" % position
