"""`?` and `:name` are found where a server's lexer would find them, and nowhere else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.database.sql.parameters import Values, pieces, translated
from event_system.sql.dsn import Dialect

DIALECTS: tuple[Dialect, ...] = ("postgresql", "mysql")

INERT = "?:a%s%(p0)s ::$1@#-*/"
"""What would be parameters, comments or formats if it stood outside of a quotation."""
BODIES = st.text("?:a1_%s()*-#$/ \n", max_size=12)


def doubled(quote: str) -> st.SearchStrategy[str]:
    """Any text in these quotes, with the quote itself written twice."""
    texts = st.text("?:a%-*/# \n" + quote, max_size=12)
    return texts.map(lambda text: quote + text.replace(quote, quote * 2) + quote)


def escaped(quote: str, before: str = "") -> st.SearchStrategy[str]:
    """Any text in these quotes, with backslashes before quotes and themselves."""
    texts = st.text("?:a%-*/# \\\n" + quote, max_size=12)
    return texts.map(
        lambda text: before + quote + re.sub(r"([\\" + quote + "])", r"\\\1", text) + quote
    )


WORDS = st.from_regex(r"[A-Za-z_éß][A-Za-z0-9_$]{0,6}", fullmatch=True)
OPERATORS = st.sampled_from(
    [" ", "\n", "(", ")", ",", " = ", " + ", ";", " 17 ", " 1.5e3 ", "%", "%%"]
)
COMMON = st.one_of(
    WORDS.map(lambda word: f" {word} "),
    OPERATORS,
    doubled("'"),
    BODIES.filter(lambda t: "*/" not in t and "/*" not in t).map(
        lambda t: "/*" + t.rstrip("/*") + " */"
    ),
    BODIES.map(lambda text: "-- " + text.replace("\n", "") + "\n"),
)
FOREIGN = {
    "postgresql": st.one_of(
        COMMON,
        doubled('"'),
        escaped("'", " E"),
        BODIES.map(lambda text: f" $${text.replace('$', '')}$$"),
        BODIES.map(lambda text: f" $tag$ $$ {text.replace('$', '')} $tag$"),
        BODIES.map(lambda text: f"--{text.replace(chr(10), '')}\n"),
        st.just(f" /* a /* {INERT.replace('*/', '')} */ ? */ "),
        st.just("::text"),
        st.just("a[1:2]"),
    ),
    "mysql": st.one_of(
        COMMON,
        doubled('"'),
        doubled("`"),
        escaped("'"),
        escaped('"'),
        BODIES.map(lambda text: f"#{text.replace(chr(10), '')}\n"),
        st.just(" @a := 1 "),
        st.just(" 5--1 "),
    ),
}


@st.composite
def statements(
    draw: Any, parameter: st.SearchStrategy[str]
) -> tuple[Dialect, list[str], list[str]]:
    """A dialect, what stands around its parameters, and these."""
    dialect = draw(st.sampled_from(DIALECTS))
    foreign = st.lists(FOREIGN[dialect], max_size=6).map("".join)
    parameters = draw(st.lists(parameter, max_size=5))
    return dialect, [draw(foreign) for _ in range(len(parameters) + 1)], parameters


def joined(around: list[str], parameters: list[str]) -> str:
    text = around[0]
    for parameter, following in zip(parameters, around[1:], strict=True):
        text += f" {parameter} {following}"
    return text


@given(statements(st.just("?")))
def test_every_place_and_nothing_else_is_a_parameter(made: Any) -> None:
    dialect, around, parameters = made

    statement = translated(joined(around, parameters), dialect)

    assert statement.places == len(parameters)
    values = tuple(f"<{number}>" for number in range(len(parameters)))
    assert statement.text % statement.values(values) == joined(around, list(values))


@given(statements(st.sampled_from([":a", ":b", ":name_1"])))
def test_every_name_and_nothing_else_is_a_parameter(made: Any) -> None:
    dialect, around, parameters = made
    given_values = {"a": "<a>", "b": "<b>", "name_1": "<1>", "more": "<more>"}

    statement = translated(joined(around, parameters), dialect)

    expected = joined(around, [given_values[parameter[1:]] for parameter in parameters])
    assert statement.text % statement.values(given_values) == expected
    assert set(statement.names or ()) == {parameter[1:] for parameter in parameters}


@given(st.sampled_from(DIALECTS), st.text("?:aE'\"`$/*-#\\%\n 1[]", max_size=40))
def test_any_text_is_split_without_loss(dialect: Dialect, text: str) -> None:
    assert "".join(piece for _, piece in pieces(text, dialect)) == text


@pytest.mark.parametrize(
    ("dialect", "sql", "driven"),
    [
        ("postgresql", "SELECT ?::int, :: ? '?'", "SELECT %s::int, :: %s '?'"),
        ("postgresql", r"SELECT '\', ?", r"SELECT '\', %s"),
        ("mysql", r"SELECT '\', ?'", r"SELECT '\', ?'"),
        ("mysql", "SELECT 1 --?\n", "SELECT 1 --%s\n"),
        ("postgresql", "SELECT 1 --?\n", "SELECT 1 --?\n"),
        ("postgresql", 'SELECT "a?""b", ?', 'SELECT "a?""b", %s'),
        ("postgresql", "SELECT 1 # ?", "SELECT 1 # %s"),
        ("mysql", "SELECT 1 # ?", "SELECT 1 # ?"),
        ("mysql", "SELECT `a?`, _utf8'?', ?", "SELECT `a?`, _utf8'?', %s"),
        ("postgresql", "SELECT name'?', e'\\'?', ?", "SELECT name'?', e'\\'?', %s"),
        ("postgresql", "SELECT '?", "SELECT '?"),
        ("postgresql", "a LIKE '10%' AND b = ? % 2", "a LIKE '10%%' AND b = %s %% 2"),
    ],
)
def test_the_rules_of_a_server_hold(dialect: Dialect, sql: str, driven: str) -> None:
    assert translated(sql, dialect).text == driven


def test_a_name_may_come_again() -> None:
    statement = translated("SELECT :b, :a, :b::int", "postgresql")

    assert statement.text == "SELECT %(p0)s, %(p1)s, %(p0)s::int"
    assert statement.values({"a": 1, "b": 2}) == {"p0": 2, "p1": 1}


def test_its_first_words_are_found_behind_comments() -> None:
    sql = "/* COMMIT */ -- BEGIN\n rollback   to x"

    assert {translated(sql, dialect).first for dialect in DIALECTS} == {("ROLLBACK", "TO")}


@pytest.mark.parametrize(
    ("sql", "values", "told"),
    [
        ("SELECT ?", (), "has 1 parameters, 0 are given"),
        ("SELECT ?", (1, 2), "has 1 parameters, 2 are given"),
        ("SELECT 1", (1,), "has 0 parameters, 1 are given"),
        ("SELECT ?", {"a": 1}, "give a sequence"),
        ("SELECT :a", (1,), "give a mapping"),
        ("SELECT :a, :b", {"a": 1}, "no value is given for the parameter :b"),
    ],
)
def test_wrong_values_are_refused(sql: str, values: Values, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        translated(sql, "postgresql").values(values)


def test_both_kinds_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="not both"):
        translated("SELECT ?, :a", "mysql")
