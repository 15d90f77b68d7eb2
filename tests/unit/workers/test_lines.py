"""A worker process's lines are written as the node's own."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from event_system.logs.context import bind_trace
from event_system.logs.lines import Line, read
from event_system.workers.frames import LENGTH_BYTES, Logged, pack, read_report
from event_system.workers.lines import SentLines, write

TRACE = f"00-{'ab' * 16}-{'cd' * 8}-01"


class Kept(logging.Handler):
    """Keeps the lines that the node would write."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(read(record))
        self.texts.append(self.format(record))


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler, logger = Kept(), logging.getLogger("heavy")
    logger.addHandler(handler)
    logger.propagate = False
    yield handler
    logger.removeHandler(handler)
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


def across(record: logging.LogRecord) -> Logged:
    """The line as it comes out of the pipe."""
    sent: list[bytearray] = []
    SentLines(lambda line: sent.append(pack(line))).handle(record)
    line = read_report(sent[0][LENGTH_BYTES:])
    assert isinstance(line, Logged)
    return line


def made(message: str, level: int = logging.WARNING, **members: object) -> logging.LogRecord:
    known = {"name": "heavy", "levelno": level, "levelname": logging.getLevelName(level)}
    return logging.makeLogRecord({**known, "msg": message, **members})


def test_a_line_keeps_its_level_time_trace_and_details(kept: Kept) -> None:
    bind_trace(TRACE)
    record = made("so warm", created=1_750_000_000.25, context={"n": 1}, metrics={"ms": 2.5})
    line = across(record)
    bind_trace(None)

    write(line, 77)

    assert kept.lines == [
        Line(
            1_750_000_000_250_000,
            *("WARN", "so warm", TRACE, None),
            {"n": 1, "worker": 77},
            {"ms": 2.5},
        )
    ]


def test_an_exception_comes_with_its_stack(kept: Kept) -> None:
    try:
        raise KeyError("gone")
    except KeyError as error:
        line = across(made("failed", exc_info=(KeyError, error, error.__traceback__)))

    write(line, 1)

    told = kept.lines[0].context["error"]
    assert (told["type"], told["message"]) == ("KeyError", "'gone'")
    assert 'raise KeyError("gone")' in told["stack"]
    assert 'raise KeyError("gone")' in kept.texts[0]


def test_half_a_character_does_not_lose_the_line() -> None:
    line = across(made("bad \ud83c", context={"text": "\udfff"}))

    assert "bad \\ud83c" in line.message
    assert "\\udfff" in line.message


def test_the_nodes_own_level_counts(kept: Kept) -> None:
    logging.getLogger("heavy").setLevel(logging.ERROR)

    write(across(made("a warning")), 1)

    assert kept.lines == []
