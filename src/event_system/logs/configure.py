"""Setting the log up, changing it while the node runs, and closing it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TextIO

from event_system.logs.formats import Format, JsonLines, TextLines
from event_system.logs.writer import QueuedHandler

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_QUIET = (
    *("uvicorn", "uvicorn.error", "uvicorn.access", "litestar", "asyncio", "httpx"),
    *("alembic", "sqlalchemy"),
)
"""Libraries that are heard from WARN on: what they do is told in the node's own words."""


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

    def set_format(self, format: str) -> None:
        """`json`, `text` or `auto`; lines that wait to be written are written so, too."""
        self._handler.form = _format(format, self._stream, self._service, self._instance)

    def flush(self) -> None:
        """Wait until everything logged so far is written."""
        self._handler.flush()

    def close(self) -> None:
        """Write what waits; nothing is logged afterwards. May be called again."""
        logging.getLogger().removeHandler(self._handler)
        self._handler.close()
        if self._stream is not sys.stderr:
            self._stream.close()


def configure_logging(
    level: str,
    format: str,
    file: Path | None,
    *,
    instance: str,
    service: str = "event-system",
) -> LogHandle:
    """Send all of `logging` to standard error, or to a file that is appended to.

    `level` and `format` are as in `LogHandle`. Raises `OSError` where the file cannot be
    written; nothing has changed then.
    """
    stream = _open(file) if file is not None else sys.stderr
    handler = QueuedHandler(stream, _format(format, stream, service, instance))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    for name in _QUIET:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    handle = LogHandle(handler, stream, service, instance)
    handle.set_level(level)
    return handle


def _open(file: Path) -> TextIO:
    return file.open("a", encoding="utf-8", errors="backslashreplace")


def _format(format: str, stream: TextIO, service: str, instance: str) -> Format:
    """`auto` is for people where they look on, and for machines anywhere else."""
    watched = stream.isatty()
    if format == "json" or (format == "auto" and not watched):
        return JsonLines(service, instance)
    return TextLines(colour=watched)
