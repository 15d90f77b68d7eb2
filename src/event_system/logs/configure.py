"""Setting the log up, changing it while the node runs, and closing it."""

from __future__ import annotations

import atexit
import logging
import sys
from collections import deque
from pathlib import Path
from threading import Condition, Thread
from typing import TextIO

from event_system.logs.lines import JsonLines, TextLines, stamp

MAX_WAITING = 10_000
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_QUIET = ("uvicorn", "uvicorn.error", "uvicorn.access", "litestar", "asyncio", "httpx")


class QueuedHandler(logging.Handler):
    """Hands records to a thread that writes them.

    When more wait than may, new ones below WARN are dropped and counted; the count is told in
    a line of its own. WARN and above are never dropped.
    """

    def __init__(self, stream: TextIO, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._stream = stream
        self._waiting: deque[logging.LogRecord] = deque()
        self._changed = Condition()
        self._dropped = 0
        self._ended = False
        self._thread = Thread(target=self._write_all, name="log-writer", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        stamp(record)
        with self._changed:
            if len(self._waiting) >= MAX_WAITING and record.levelno < logging.WARNING:
                self._dropped += 1
                return
            self._waiting.append(record)
            self._changed.notify()

    def close(self) -> None:
        """Write what waits, then end."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join(timeout=5)
        super().close()

    def _write_all(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    self._changed.wait()
                records, self._waiting = self._waiting, deque()
                dropped, self._dropped = self._dropped, 0
                ended = self._ended
            if dropped:
                records.append(_dropped_record(dropped))
            self._write(records)
            if ended:
                return

    def _write(self, records: deque[logging.LogRecord]) -> None:
        try:
            self._stream.write("".join(f"{self.format(record)}\n" for record in records))
            self._stream.flush()
        except (OSError, ValueError):
            self._dropped += len(records)  # told as soon as writing works again


def _dropped_record(count: int) -> logging.LogRecord:
    record = logging.makeLogRecord(
        {"levelno": logging.WARNING, "levelname": "WARNING", "name": __name__}
    )
    record.msg = f"{count} log lines were dropped: they came faster than they could be written"
    return stamp(record)


class LogHandle:
    """The log as it is now."""

    def __init__(self, handler: QueuedHandler, stream: TextIO, service: str, instance: str) -> None:
        self._handler = handler
        self._stream = stream
        self._service = service
        self._instance = instance

    def set_level(self, level: str) -> None:
        """`debug`, `info`, `warn` or `error`."""
        logging.getLogger().setLevel(_LEVELS[level])

    def set_format(self, format_: str) -> None:
        """`json` or `text`."""
        self._handler.setFormatter(_formatter(format_, self._stream, self._service, self._instance))

    def close(self) -> None:
        """Write what waits; nothing is logged afterwards."""
        logging.getLogger().removeHandler(self._handler)
        atexit.unregister(self.close)
        self._handler.close()
        if self._stream is not sys.stderr:
            self._stream.close()


def configure_logging(
    level: str,
    format_: str,
    file: Path | None,
    *,
    instance: str,
    service: str = "event-system",
) -> LogHandle:
    """Send all of `logging` to standard error, or to a file that is appended to."""
    stream = file.open("a", encoding="utf-8") if file is not None else sys.stderr
    handler = QueuedHandler(stream, _formatter(format_, stream, service, instance))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    for name in _QUIET:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
        logging.getLogger(name).setLevel(logging.WARNING)
    handle = LogHandle(handler, stream, service, instance)
    handle.set_level(level)
    atexit.register(handle.close)
    return handle


def _formatter(format_: str, stream: TextIO, service: str, instance: str) -> logging.Formatter:
    if format_ == "json":
        return JsonLines(service, instance)
    return TextLines(colour=stream.isatty())
