from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest

from event_system.events.ports import Commit, Filter, Slice
from event_system.events.where import parse_where
from event_system.http import tail as tail_module
from event_system.http.tail import LiveStream, LiveTail, event_frame
from event_system.kernel.errors import InvalidPatternError, StoppingError, TooManyStreamsError
from tests.support.memory_log import MemoryLog
from tests.support.rows import row


def _tail(log: MemoryLog | None = None) -> tuple[LiveTail, MemoryLog]:
    log = log or MemoryLog()
    tail = LiveTail(log, heartbeat_seconds=0.01)
    log.on_commit = tail.publish
    return tail, log


def _add(log: MemoryLog, count: int) -> None:
    for _ in range(count):
        log.submit([row(f"e{log.head + 1}")], lambda appended: None)


def _offsets(chunk: bytes) -> list[int]:
    lines = [line for line in chunk.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(line[6:]).get("offset", -1) for line in lines]


async def _next_events(frames: AsyncGenerator[bytes, None]) -> bytes:
    """The next chunk that is no heartbeat."""
    while (chunk := await anext(frames)).startswith(b":"):
        pass
    return chunk


async def _started(stream: LiveStream) -> AsyncGenerator[bytes, None]:
    """The frames of a stream that is live."""
    frames = stream.frames()
    assert await anext(frames) == b"retry: 2000\n\n"
    assert (await anext(frames)).startswith(b":")
    return frames


async def test_a_stream_that_resumes_among_deleted_events_is_told_so() -> None:
    tail, log = _tail()
    _add(log, 6)
    log.floor = 4
    with tail.subscribe(Filter(), after=1) as stream:
        frames = stream.frames()
        assert await anext(frames) == b"retry: 2000\n\n"
        assert await anext(frames) == b'event: gap\ndata: {"from":2,"to":4}\n\n'
        assert _offsets(await anext(frames)) == [5, 6]


async def test_without_streams_a_commit_is_only_counted() -> None:
    tail, log = _tail()

    _add(log, 3)

    assert tail.published == 3
    assert tail.streams == 0


async def test_a_commit_between_the_last_page_and_going_live_is_neither_lost_nor_doubled() -> None:
    class Racing(MemoryLog):
        """More is stored while a page is on its way, and published only later."""

        async def read(self, after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
            page = await super().read(after, limit, lanes)
            if self.head < 5:
                _add(self, 1)
            return page

    tail, log = _tail(Racing())
    held: list[Commit] = []
    log.on_commit = held.append
    _add(log, 2)
    stream = tail.subscribe(Filter(), 0)
    frames = stream.frames()
    await anext(frames)

    seen = [_offsets(await anext(frames)) for _ in range(4)]
    live = asyncio.ensure_future(_next_events(frames))
    await asyncio.sleep(0)  # it is live now
    for commit in held:
        tail.publish(commit)
    _add(log, 1)
    tail.publish(held[-1])
    seen.append(_offsets(await live))
    await frames.aclose()

    assert [offset for page in seen for offset in page] == list(range(1, 7))


async def test_conditions_on_data_hold_for_what_was_missed_and_for_what_is_new() -> None:
    tail, log = _tail()

    def add(level: int) -> None:
        log.submit([row(f"e{log.head + 1}", data=b'{"n":%d}' % level)], lambda appended: None)

    add(1)
    add(7)
    with tail.subscribe(Filter(where=parse_where(["data.n>5"])), 0) as stream:
        frames = stream.frames()
        await anext(frames)
        missed = await anext(frames)
        live = asyncio.ensure_future(_next_events(frames))
        await asyncio.sleep(0)  # it is live now
        add(2)
        add(8)
        new = await live
        await frames.aclose()

    assert (_offsets(missed), _offsets(new)) == ([2], [4])


async def test_the_queue_of_a_slow_stream_is_bounded_by_events() -> None:
    tail, log = _tail()
    with tail.subscribe(Filter()) as stream:
        frames = await _started(stream)
        _add(log, tail_module.MAX_QUEUED_EVENTS + 5)

        chunk = await anext(frames)
        await frames.aclose()

    assert chunk.startswith(b'event: gap\ndata: {"from":1,"to":1024}\n\n')
    assert _offsets(chunk)[1:] == [1025, 1026, 1027, 1028, 1029]


async def test_the_queue_of_a_slow_stream_is_bounded_by_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tail_module, "MAX_QUEUED_BYTES", 10_000)
    tail, log = _tail()
    with tail.subscribe(Filter()) as stream:
        frames = await _started(stream)
        for _ in range(5):
            log.submit([row(f"e{log.head}", data=b'"%b"' % (b"x" * 4_000))], lambda appended: None)

        chunk = await anext(frames)
        await frames.aclose()

    assert chunk.startswith(b'event: gap\ndata: {"from":1,"to":4}\n\n')
    assert _offsets(chunk)[1:] == [5]


async def test_one_event_over_the_bound_still_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "MAX_QUEUED_BYTES", 10)
    tail, log = _tail()
    with tail.subscribe(Filter()) as stream:
        frames = await _started(stream)
        _add(log, 1)

        assert _offsets(await anext(frames)) == [1]
        await frames.aclose()


async def test_a_filter_that_is_no_pattern_is_refused_and_takes_no_place() -> None:
    tail, _ = _tail()

    with pytest.raises(InvalidPatternError):
        tail.subscribe(Filter(pattern="a..b"))

    assert tail.streams == 0


async def test_a_left_stream_frees_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "MAX_STREAMS", 1)
    tail, _ = _tail()

    with tail.subscribe(Filter()), pytest.raises(TooManyStreamsError):
        tail.subscribe(Filter())

    with tail.subscribe(Filter()) as stream:
        assert stream.position == 0


async def test_closing_ends_streams_that_read_streams_that_wait_and_later_ones() -> None:
    tail, log = _tail()
    _add(log, 2_000)
    with tail.subscribe(Filter(), 0) as reading, tail.subscribe(Filter()) as waiting:
        pages, live = reading.frames(), await _started(waiting)
        await anext(pages)
        await anext(pages)

        tail.close()

        assert [chunk async for chunk in pages] == []
        assert b"".join([chunk async for chunk in live]) == b""
    with pytest.raises(StoppingError):
        tail.subscribe(Filter())


async def test_an_event_is_one_frame_whatever_its_data_holds() -> None:
    _, log = _tail()
    log.submit([row("a", data=b'{\r\n"a":\n[1,\r2]}')], lambda appended: None)
    event = (await log.read(0, 1)).events[0]

    frame = event_frame(event)

    assert frame.startswith(b"id: 1\nevent: event\ndata: {")
    assert frame.count(b"\n") == 4
    assert b"\r" not in frame
    assert json.loads(frame.split(b"data: ")[1])["data"] == {"a": [1, 2]}
