"""Writing beside the caller: order, bounds, and nothing lost without a word."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from event_system.logs.formats import TextLines
from event_system.logs.lines import Line
from event_system.logs.writer import QueuedHandler
from tests.support.waiting import PATIENCE_SECONDS

MISSING = "log lines are missing here"


class Stream(io.StringIO):
    """A stream that can be held up, and can fail."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = Event()
        self.free = Event()
        self.free.set()
        self.broken: Exception | None = None

    def write(self, text: str) -> int:
        self.reached.set()
        assert self.free.wait(PATIENCE_SECONDS)
        if self.broken is not None:
            raise self.broken
        return super().write(text)

    def hold(self) -> None:
        self.reached.clear()
        self.free.clear()


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def handler(stream: Stream) -> Iterator[QueuedHandler]:
    made = QueuedHandler(stream, TextLines(colour=False), max_waiting=10)
    yield made
    stream.free.set()
    made.close()


def log(handler: logging.Handler, message: str, level: int = logging.INFO) -> None:
    name = logging.getLevelName(level)
    handler.handle(logging.makeLogRecord({"msg": message, "levelno": level, "levelname": name}))


def messages(stream: Stream) -> list[str]:
    return [text[31:] for text in stream.getvalue().splitlines()]


def held_up(handler: QueuedHandler, stream: Stream) -> None:
    """The writing thread stands in the middle of a line."""
    stream.hold()
    log(handler, "held")
    assert stream.reached.wait(PATIENCE_SECONDS)


def test_lines_come_in_the_order_in_which_they_were_logged(
    handler: QueuedHandler, stream: Stream
) -> None:
    for number in range(5):
        log(handler, str(number))
    handler.flush()

    assert messages(stream) == ["0", "1", "2", "3", "4"]


def test_lines_of_many_threads_are_all_written_whole() -> None:
    stream = Stream()
    handler = QueuedHandler(stream, TextLines(colour=False))

    def work(name: int) -> None:
        for number in range(200):
            log(handler, f"{name}-{number}")

    threads = [Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.close()

    found = messages(stream)
    assert len(found) == 800
    for name in range(4):
        assert [m for m in found if m.startswith(f"{name}-")] == [f"{name}-{n}" for n in range(200)]


def test_a_slow_disk_holds_no_caller_up_and_costs_the_least_important_lines(
    handler: QueuedHandler, stream: Stream
) -> None:
    held_up(handler, stream)
    for number in range(25):
        log(handler, f"info {number}")
    for number in range(10):
        log(handler, f"warning {number}", logging.WARNING)
    stream.free.set()
    handler.flush()

    found = messages(stream)
    assert [m for m in found if m.startswith("info")] == [f"info {n}" for n in range(10)]
    assert [m for m in found if m.startswith("warning")] == [f"warning {n}" for n in range(10)]
    assert [m for m in found if MISSING in m] == [f"{m}" for m in found if m.endswith("lines=15")]
    assert sum(MISSING in m for m in found) == 1


def test_a_disk_that_hangs_costs_no_endless_memory(handler: QueuedHandler, stream: Stream) -> None:
    held_up(handler, stream)
    for number in range(100):
        log(handler, f"error {number}", logging.ERROR)
    stream.free.set()
    handler.flush()

    found = messages(stream)
    assert [m for m in found if m.startswith("error")] == [f"error {n}" for n in range(20)]
    assert [m.rpartition("  ")[2] for m in found if MISSING in m] == ["lines=80"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("closed")])
def test_lines_that_could_not_be_written_are_told_as_soon_as_writing_works(
    handler: QueuedHandler, stream: Stream, error: Exception
) -> None:
    stream.broken = error
    log(handler, "lost 1")
    handler.flush()
    log(handler, "lost 2")
    handler.flush()
    stream.broken = None
    log(handler, "works")
    handler.flush()

    first, second = messages(stream)
    assert first == "works"
    assert MISSING in second
    assert second.endswith("lines=2")


def test_closing_writes_what_waits(handler: QueuedHandler, stream: Stream) -> None:
    held_up(handler, stream)
    for number in range(8):
        log(handler, str(number))

    closing = Thread(target=handler.close)
    closing.start()
    stream.free.set()
    closing.join(PATIENCE_SECONDS)

    assert messages(stream) == ["held", *map(str, range(8))]


def test_logging_and_flushing_after_the_end_hurts_nobody(
    handler: QueuedHandler, stream: Stream
) -> None:
    handler.close()

    log(handler, "too late")
    handler.flush()
    handler.close()

    assert messages(stream) == []


class Broken:
    """A form that fails once."""

    def __init__(self) -> None:
        self.failures = 1

    def write(self, line: Line) -> str:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("a fault of the form")
        return TextLines(colour=False).write(line)


def test_a_line_that_cannot_be_formatted_does_not_end_the_log(
    handler: QueuedHandler, stream: Stream
) -> None:
    handler.form = Broken()
    log(handler, "odd")
    handler.flush()
    log(handler, "fine")
    handler.flush()

    assert "fine" in messages(stream)
    assert sum(MISSING in m for m in messages(stream)) == 1
