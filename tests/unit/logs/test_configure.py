"""The log as a whole: from the standard library's `logging` to a file."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from event_system.logs.configure import LogHandle, configure_logging
from event_system.logs.context import bind_trace

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(autouse=True)
def the_log_of_the_tests_comes_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "node.log"


@pytest.fixture
def handle(file: Path) -> Iterator[LogHandle]:
    handle = configure_logging("info", "json", file, instance="node-1")
    yield handle
    handle.close()


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_what_any_code_logs_becomes_a_line_of_json(handle: LogHandle, file: Path) -> None:
    bind_trace(f"00-{TRACE}-00f067aa0ba902b7-01")
    logging.getLogger("game.guilds").warning(
        "%s left", "安娜", extra={"context": {"guild": 7}, "metrics": {"ms": 2}, "userId": "u1"}
    )
    bind_trace(None)
    handle.flush()

    (line,) = lines(file)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "WARN",
        "service": "event-system",
        "instance": "node-1",
        "traceId": TRACE,
        "userId": "u1",
        "message": "安娜 left",
        "context": {"guild": 7},
        "metrics": {"ms": 2},
    }


def test_an_exception_is_written_with_where_it_happened(handle: LogHandle, file: Path) -> None:
    try:
        raise ValueError("no such guild")
    except ValueError:
        logging.getLogger("game").exception("failed")
    handle.flush()

    error = lines(file)[0]["context"]["error"]
    assert (error["type"], error["message"]) == ("ValueError", "no such guild")
    assert "test_configure.py" in error["stack"]


def test_the_level_changes_while_the_node_runs(handle: LogHandle, file: Path) -> None:
    log = logging.getLogger("game")
    log.debug("unseen")
    handle.set_level("debug")
    log.debug("seen")
    handle.set_level("error")
    log.warning("unseen, too")
    handle.flush()

    assert [line["message"] for line in lines(file)] == ["seen"]


def test_the_format_changes_while_the_node_runs(handle: LogHandle, file: Path) -> None:
    log = logging.getLogger("game")
    log.info("for machines")
    handle.flush()
    handle.set_format("text")
    log.info("for people")
    handle.flush()

    first, second = file.read_text("utf-8").splitlines()
    assert json.loads(first)["message"] == "for machines"
    assert second.endswith("INFO  for people")


def test_closing_writes_everything_and_lets_go_of_the_file(handle: LogHandle, file: Path) -> None:
    for number in range(100):
        logging.getLogger("game").info("%d", number)
    handle.close()
    logging.getLogger("game").info("after the end")
    handle.close()

    assert [line["message"] for line in lines(file)] == [str(number) for number in range(100)]
    assert [h for h in logging.getLogger().handlers if type(h).__name__ == "QueuedHandler"] == []


def test_a_file_is_appended_to(file: Path) -> None:
    for message in ("first run", "second run"):
        handle = configure_logging("info", "json", file, instance="node-1")
        logging.getLogger("game").info(message)
        handle.close()

    assert [line["message"] for line in lines(file)] == ["first run", "second run"]


def test_standard_error_takes_the_lines_where_no_file_is_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handle = configure_logging("info", "text", None, instance="node-1")
    logging.getLogger("game").info("hello")
    handle.close()

    assert capsys.readouterr().err.endswith("INFO  hello\n")
    assert not sys.stderr.closed


def test_a_file_that_cannot_be_opened_changes_nothing(tmp_path: Path) -> None:
    before = logging.getLogger().handlers[:]

    with pytest.raises(FileNotFoundError):
        configure_logging("info", "json", tmp_path / "absent" / "node.log", instance="node-1")

    assert logging.getLogger().handlers == before


def test_libraries_are_heard_from_warnings_on(handle: LogHandle, file: Path) -> None:
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("uvicorn.error").warning("bad request")
    handle.flush()

    assert [line["message"] for line in lines(file)] == ["bad request"]


def test_what_is_no_unicode_is_written_escaped(handle: LogHandle, file: Path) -> None:
    logging.getLogger("game").info("odd \ud800 name")
    handle.set_format("text")
    logging.getLogger("game").info("odd \ud800 name")
    handle.close()

    assert len(file.read_text("utf-8").splitlines()) == 2


@pytest.mark.parametrize(("terminal", "first"), [(True, "2"), (False, "{")])
def test_auto_is_text_where_somebody_looks_on(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, first: str
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    handle = configure_logging("info", "auto", None, instance="node-1")

    logging.getLogger("game").info("hello")
    handle.close()

    assert stream.getvalue()[0] == first
