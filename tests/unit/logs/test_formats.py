"""How lines are written for machines and for people."""

from __future__ import annotations

import json
from traceback import TracebackException
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.logs.formats import JsonLines, TextLines, masked
from event_system.logs.lines import MASK, Line

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
AT_US = 1_749_040_496_789_999
KEY = "esk_" + "Ab3-" * 11


def line(message: str = "hello", *, level: str = "INFO", **given: Any) -> Line:
    values = {"traceparent": None, "user": None, "context": {}, "metrics": {}, **given}
    return Line(AT_US, level, message, **values)


def as_json(line: Line) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(JsonLines("event-system", "node-1").write(line))
    return found


def as_text(line: Line) -> str:
    return TextLines(colour=False).write(line)


def raised() -> TracebackException:
    return TracebackException(ValueError, ValueError("no such\nguild"), None)


def test_a_json_line_has_the_fields_of_the_log_standard_in_their_order() -> None:
    written = JsonLines("event-system", "node-1").write(
        line(
            "Player logged in",
            traceparent=PARENT,
            user="user123",
            context={"achievementId": "ach456"},
            metrics={"processingTime": 123},
        )
    )

    assert written == (
        '{"timestamp":"2025-06-04T12:34:56.789Z","level":"INFO","service":"event-system",'
        f'"instance":"node-1","traceId":"{TRACE}","userId":"user123",'
        '"message":"Player logged in","context":{"achievementId":"ach456"},'
        '"metrics":{"processingTime":123}}'
    )


def test_fields_that_every_line_must_have_are_there_without_values() -> None:
    assert as_json(line()) == {
        "timestamp": "2025-06-04T12:34:56.789Z",
        "level": "INFO",
        "service": "event-system",
        "instance": "node-1",
        "traceId": None,
        "message": "hello",
        "context": {},
        "metrics": {},
    }


def test_an_exception_stands_in_the_context() -> None:
    found = as_json(line(context={"listener": "greet"}, raised=raised()))

    assert found["context"]["listener"] == "greet"
    assert found["context"]["error"]["type"] == "ValueError"
    assert found["context"]["error"]["message"] == "no such\nguild"
    assert "ValueError: no such" in found["context"]["error"]["stack"]


@pytest.mark.parametrize("value", ["\ud800 lone", 2**200, float("nan")])
def test_what_json_has_no_word_for_is_written_somehow(value: object) -> None:
    assert "odd" in as_json(line(context={"odd": value}))["context"]


def test_a_text_line_is_one_readable_line() -> None:
    written = as_text(
        line("node ready", context={"port": 8080, "why": "two words"}, metrics={"ms": 1.5})
    )

    assert written == (
        '2025-06-04T12:34:56.789Z INFO  node ready  port=8080  why="two words"  ms=1.5'
    )


@given(st.text(), st.text(), st.text())
def test_nothing_that_is_logged_can_look_like_a_second_line(
    message: str, key: str, value: str
) -> None:
    written = as_text(line(message, context={key if key != "stack" else "": value}))

    assert written.splitlines() == [written]
    assert "\x1b" not in written


def test_a_stack_follows_a_text_line_indented() -> None:
    lines = as_text(line("failed", raised=raised(), context={"stack": "frame 1\nframe 2"}))
    head, *stack = lines.splitlines()

    assert head.endswith("INFO  failed")
    assert stack == ["    frame 1", "    frame 2", "    ValueError: no such", "    guild"]


def test_colour_marks_levels_where_it_is_wanted() -> None:
    coloured = TextLines(colour=True)

    assert "\x1b[31mERROR\x1b[0m" in coloured.write(line(level="ERROR"))
    assert "\x1b" not in coloured.write(line(level="INFO"))
    assert "\x1b" not in as_text(line(level="ERROR"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Bearer {KEY} sent", f"Bearer esk_{MASK} sent"),
        ("mysql://root:hunter2@db/events", f"mysql://root:{MASK}@db/events"),
        ("redis://:hunter2@cache:6379", f"redis://:{MASK}@cache:6379"),
        ("http://127.0.0.1:8080/health", "http://127.0.0.1:8080/health"),
        ("mail user@host, esk_short", "mail user@host, esk_short"),
    ],
)
def test_keys_and_passwords_within_texts_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize("form", [JsonLines("s", "i"), TextLines(colour=False)])
def test_no_form_shows_a_key_that_stands_in_a_message(form: JsonLines | TextLines) -> None:
    written = form.write(line(f"key:\n{KEY}", context={"url": "nats://a:hunter2@b"}))

    assert KEY not in written
    assert "hunter2" not in written
