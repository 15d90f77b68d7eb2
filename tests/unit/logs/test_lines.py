"""Records become lines: bounded, without secrets, whatever was handed in."""

from __future__ import annotations

import json
import logging
import weakref
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.logs.formats import JsonLines
from event_system.logs.lines import MASK, MAX_DEPTH, MAX_ITEMS, MAX_TEXT, Line, error_of, read


def record(message: object = "hello", *args: Any, level: str = "INFO", **extra: Any) -> Any:
    number = logging.getLevelNamesMapping()[level]
    made = logging.LogRecord("game", number, __file__, 1, message, args, None)
    made.__dict__.update(extra)
    return made


def test_a_line_says_what_the_record_says() -> None:
    line = read(record("%s has %d", "anna", 3, level="WARNING", created=1_750_000_000.123456))

    assert line == Line(1_750_000_000_123_456, "WARN", "anna has 3", None, None, {}, {})


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("DEBUG", "DEBUG"),
        ("INFO", "INFO"),
        ("WARNING", "WARN"),
        ("ERROR", "ERROR"),
        ("CRITICAL", "FATAL"),
    ],
)
def test_levels_have_the_names_of_the_log_format(level: str, written: str) -> None:
    assert read(record(level=level)).level == written


def test_context_metrics_and_user_have_fields_of_their_own() -> None:
    line = read(record(context={"guild": 7}, metrics={"ms": 1.5}, userId=42, shard="eu"))

    assert line.context == {"shard": "eu", "guild": 7}
    assert line.metrics == {"ms": 1.5}
    assert line.user == "42"


def test_what_is_no_mapping_is_written_all_the_same() -> None:
    line = read(record(context="a text", metrics=3))

    assert (line.context, line.metrics) == ({"context": "a text"}, {"value": 3})


@pytest.mark.parametrize(
    "key",
    [
        *("password", "db_password", "passwd", "Secret", "clientSecret", "token", "accessToken"),
        *("key", "api_key", "apiKey", "X-API-Key", "Authorization", "proxy_authorization"),
        *("dsn", "database.dsn", "credentials", "cookie", "tokens"),
    ],
)
def test_values_of_secret_keys_are_masked_at_any_depth(key: str) -> None:
    line = read(record(context={key: "hush", "inner": [{key: {"deep": "hush"}}]}))

    assert line.context == {key: MASK, "inner": [{key: MASK}]}


@pytest.mark.parametrize("key", ["tokenId", "keyCount", "listener", "path"])
def test_other_values_are_not_masked(key: str) -> None:
    assert read(record(context={key: "seen"})).context == {key: "seen"}


def test_a_count_in_metrics_is_no_secret() -> None:
    assert read(record(metrics={"tokens": 5})).metrics == {"tokens": 5}


def test_long_texts_and_collections_are_cut() -> None:
    line = read(record("x" * 2 * MAX_TEXT, context={"a": "y" * 2 * MAX_TEXT, "b": range(9)}))
    many = read(record(context={"list": list(range(1000)), "map": dict.fromkeys(range(1000))}))

    assert len(line.message) == len(line.context["a"]) == MAX_TEXT
    assert line.context["b"] == "range(0, 9)"
    assert (len(many.context["list"]), len(many.context["map"])) == (MAX_ITEMS, MAX_ITEMS)


def test_something_that_holds_itself_ends() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless

    found, depth = read(record(context=endless)).context, 0
    while isinstance(found, dict):
        found, depth = found["again"], depth + 1

    assert (found, depth) == ("…", MAX_DEPTH)


def test_later_changes_of_what_was_logged_are_not_seen() -> None:
    context = {"steps": [1]}
    line = read(record(context=context))

    context["steps"].append(2)

    assert line.context == {"steps": [1]}


class Rude:
    """Refuses to be shown."""

    def __repr__(self) -> str:
        raise RuntimeError


def test_a_line_comes_of_a_wrong_call_and_of_values_that_cannot_be_shown() -> None:
    line = read(record("%d of %d", "one", context={"rude": Rude()}, userId=Rude()))

    assert line.message.startswith("%d of %d ('one',)")
    assert "RuntimeError" in line.context["rude"]
    assert "Rude" in str(line.user)


def test_an_exception_is_told_with_its_stack() -> None:
    def fail() -> None:
        raise ValueError("no such guild")

    with pytest.raises(ValueError, match="guild") as caught:
        fail()
    line = read(record(exc_info=(caught.type, caught.value, caught.tb)))

    assert line.raised is not None
    told = error_of(line.raised)
    assert (told["type"], told["message"]) == ("ValueError", "no such guild")
    assert "in fail" in told["stack"]


def test_a_waiting_line_keeps_nothing_of_the_callers_frames_alive() -> None:
    class Connection:
        """Must not be freed by the thread that writes."""

    def fail() -> weakref.ref[Connection]:
        connection = Connection()
        try:
            raise ValueError("lost", connection)
        except ValueError as error:
            lines.append(read(record(exc_info=(ValueError, error, error.__traceback__))))
        return weakref.ref(connection)

    lines: list[Line] = []
    watched = fail()

    assert watched() is None
    assert lines[0].raised is not None
    assert "lost" in error_of(lines[0].raised)["message"]


def test_keys_that_cannot_be_shown_and_endless_numbers_are_told_somehow() -> None:
    line = read(record(context={Rude(): 1, "big": 10**5000, "in": [{Rude(): -(2**70)}]}))

    assert json.loads(JsonLines("event-system", "node-1").write(line))["level"] == "INFO"
    assert line.context["in"] == [{"<Rude: RuntimeError when it was to be shown>": str(-(2**70))}]


def test_a_line_has_an_end_however_much_it_is_given() -> None:
    much: dict[str, Any] = {
        str(a): {str(b): ["x" * 20_000] * 50 for b in range(50)} for a in range(50)
    }
    much["password"] = 471_147_114_711  # comes when there is no room left for its key

    line = read(record("x" * 100_000, context=much, metrics={"steps": much}))
    written = JsonLines("event-system", "node-1").write(line)

    assert len(written) < 200_000
    assert "471147114711" not in written


def test_no_exception_is_told_where_there_is_none() -> None:
    assert read(record(exc_info=(None, None, None))).raised is None


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.just(Path("a")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


@given(st.text(), st.dictionaries(st.text(), values), st.dictionaries(st.text(), values))
def test_any_context_makes_one_line_of_json(
    message: str, context: dict[str, Any], metrics: dict[str, Any]
) -> None:
    line = read(record(message.replace("%", ""), context=context, metrics=metrics))
    written = JsonLines("event-system", "node-1").write(line)

    assert "\n" not in written
    assert json.loads(written)["level"] == "INFO"
