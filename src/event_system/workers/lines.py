"""Log lines of a worker process, on their way into the node's log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import copy_context

from event_system.logs.context import bind_trace
from event_system.logs.lines import error_of, read
from event_system.workers.frames import Logged

MAX_UNREADABLE = 4_000


class SentLines(logging.Handler):
    """Sends every line to the node, which writes it as it writes its own."""

    def __init__(self, send: Callable[[Logged], None]) -> None:
        super().__init__()
        self._send = send

    def createLock(self) -> None:  # noqa: N802 - the name is logging's
        """None is needed: who sends has one."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        line = message_of(record)
        try:
            self._send(line)
        except UnicodeEncodeError:  # halves of characters, in whatever part of it
            text = ascii((line.message, line.context, line.error, line.metrics))[:MAX_UNREADABLE]
            self._send(Logged("", line.level, line.at_us, text, None, None, {}, {}, None))


def message_of(record: logging.LogRecord) -> Logged:
    """The line of a record: bounded, without secrets."""
    line = read(record)
    return Logged(
        logger=record.name,
        level=record.levelno,
        at_us=line.at_us,
        message=line.message,
        traceparent=line.traceparent,
        user=line.user,
        context=line.context,
        metrics=line.metrics,
        error=None if line.raised is None else error_of(line.raised),
    )


def write(line: Logged, pid: int) -> None:
    """Log a process's line here, as its logger is set here."""
    logger = logging.getLogger(line.logger)
    if not logger.isEnabledFor(line.level):
        return
    context = {**line.context, "worker": pid}
    if line.error is not None:
        context["error"] = line.error
    members = {
        "name": line.logger,
        "levelno": line.level,
        "levelname": logging.getLevelName(line.level),
        "msg": line.message,
        "created": line.at_us / 1e6,
        "msecs": line.at_us // 1000 % 1000,
        "exc_text": None if line.error is None else line.error["stack"],
        "context": context,
        **({"metrics": line.metrics} if line.metrics else {}),
        **({"userId": line.user} if line.user is not None else {}),
    }
    copy_context().run(_handle, logger, logging.makeLogRecord(members), line.traceparent)


def _handle(logger: logging.Logger, record: logging.LogRecord, traceparent: str | None) -> None:
    bind_trace(traceparent)
    logger.handle(record)
