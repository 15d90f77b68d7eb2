"""The handler that never holds its caller up: lines wait for a thread that writes them."""

from __future__ import annotations

import logging
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import TextIO, TypeAlias

from event_system.logs.formats import Format
from event_system.logs.lines import Line, read

MAX_WAITING = 10_000
MAX_AT_ONCE = 500
PATIENCE_SECONDS = 5.0

_Item: TypeAlias = Line | Event | None
"""A line to write, somebody to tell that all before is written, or the end."""


class QueuedHandler(logging.Handler):
    """Hands lines to a thread that writes them; callable from any thread.

    While `max_waiting` items wait, new lines below WARN are dropped, and while twice as many
    wait, those of WARN and above are, too. A line of its own tells how many.
    """

    def __init__(self, stream: TextIO, form: Format, *, max_waiting: int = MAX_WAITING) -> None:
        super().__init__()
        self.form = form
        self._stream = stream
        self._max_waiting = max_waiting
        self._waiting: SimpleQueue[_Item] = SimpleQueue()
        self._lost = 0
        self._lost_lock = Lock()
        self._thread = Thread(target=self._write_all, name="log-writer", daemon=True)
        self._thread.start()

    def createLock(self) -> None:  # noqa: N802 - the name is logging's
        """None is needed: the queue has its own."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        room = self._max_waiting if record.levelno < logging.WARNING else 2 * self._max_waiting
        if self._waiting.qsize() >= room:
            self._count_lost(1)
        else:
            self._waiting.put(read(record))

    def flush(self) -> None:
        """Wait until everything logged before is written, five seconds at most."""
        if self._thread.is_alive():
            written = Event()
            self._waiting.put(written)
            written.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        """Write what waits, then end; later lines are not written. May be called again."""
        self._waiting.put(None)
        self._thread.join(PATIENCE_SECONDS)
        super().close()

    # The writing thread

    def _write_all(self) -> None:
        ended = False
        while not ended:
            items = self._take()
            ended = None in items
            self._write([item for item in items if isinstance(item, Line)])
            for item in items:
                if isinstance(item, Event):
                    item.set()

    def _take(self) -> list[_Item]:
        """What waits, but not too much at once; waits for something."""
        items = [self._waiting.get()]
        try:
            while len(items) < MAX_AT_ONCE and items[-1] is not None:
                items.append(self._waiting.get_nowait())
        except Empty:
            pass
        return items

    def _write(self, lines: list[Line]) -> None:
        lost = self._take_lost()
        if lost:
            lines.append(_lost_line(lost))
        if not lines:
            return
        try:
            self._stream.write("".join(map(self._text, lines)))
            self._stream.flush()
        except (OSError, ValueError):  # a full disk, a closed stream
            self._count_lost(lost + len(lines) - bool(lost))

    def _text(self, line: Line) -> str:
        try:
            return f"{self.form.write(line)}\n"
        except Exception:  # noqa: BLE001 - a line that cannot be shown must not end the log
            self._count_lost(1)
            return ""

    def _count_lost(self, lines: int) -> None:
        with self._lost_lock:
            self._lost += lines

    def _take_lost(self) -> int:
        with self._lost_lock:
            lost, self._lost = self._lost, 0
        return lost


def _lost_line(lines: int) -> Line:
    record = logging.makeLogRecord(
        {
            "levelno": logging.WARNING,
            "levelname": "WARNING",
            "msg": "log lines are missing here: there were too many, or they could not be written",
            "metrics": {"lines": lines},
        }
    )
    return read(record)
