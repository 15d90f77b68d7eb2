"""Against the tables of Go's specification: "Rune literals" and "String literals"."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.gotemplate.literals import read_character, read_string
from event_system.gotemplate.parser import parse
from event_system.kernel.errors import TemplateError

SIMPLE = {
    r"\a": 0x07,
    r"\b": 0x08,
    r"\f": 0x0C,
    r"\n": 0x0A,
    r"\r": 0x0D,
    r"\t": 0x09,
    r"\v": 0x0B,
    r"\\": 0x5C,
}
POINTS = st.integers(0, 0xD7FF) | st.integers(0xE000, 0x10FFFF)
"""Of characters: halves of pairs are none."""
PLAIN = st.characters(exclude_characters="\\\n'\"", codec="utf-8")

bytes_written = st.integers(0, 0xFF).flatmap(
    lambda byte: st.sampled_from([f"\\{byte:03o}", f"\\x{byte:02x}", f"\\x{byte:02X}"]).map(
        lambda text: (text, byte)
    )
)
characters_written = st.one_of(
    st.sampled_from(sorted(SIMPLE.items())),
    PLAIN.map(lambda character: (character, ord(character))),
    POINTS.map(lambda point: (f"\\U{point:08x}", point)),
    POINTS.filter(lambda point: point <= 0xFFFF).map(lambda point: (f"\\u{point:04X}", point)),
)
in_strings = st.one_of(
    bytes_written.map(lambda each: (each[0], bytes([each[1]]))),
    (characters_written | st.sampled_from([('\\"', 0x22), ("'", 0x27)])).map(
        lambda each: (each[0], chr(each[1]).encode())
    ),
)
in_characters = bytes_written | characters_written | st.sampled_from([("\\'", 0x27), ('"', 0x22)])
refused = st.one_of(
    st.integers(0o400, 0o777).map(lambda number: f"\\{number:03o}"),
    st.integers(0xD800, 0xDFFF).map(lambda point: f"\\u{point:04x}"),
    st.integers(0xD800, 0xDFFF).map(lambda point: f"\\U{point:08x}"),
    st.integers(0x110000, 0xFFFFFFFF).map(lambda point: f"\\U{point:08x}"),
    st.characters(exclude_characters="abfnrtv\\'\"xuU01234567", codec="utf-8").map("\\{}".format),
    st.sampled_from(["\n", "\\", r"\x", r"\xf", r"\u12", r"\U0001F60", r"\0", r"\08", r"\N{DASH}"]),
)


@given(st.lists(in_strings))
def test_a_string_is_the_characters_and_bytes_that_are_written(
    parts: list[tuple[str, bytes]],
) -> None:
    meant = b"".join(part for _, part in parts)

    read = read_string(f'"{"".join(text for text, _ in parts)}"')

    assert read == _as_text(meant)


def _as_text(written: bytes) -> str:
    """As Go's `range` over a string: each byte that begins no character is U+FFFD."""
    text = ""
    while written:
        for size in range(1, 5):
            with suppress(UnicodeDecodeError):
                text += written[:size].decode()
                break
        else:
            size, text = 1, f"{text}\ufffd"
        written = written[size:]
    return text


@given(in_characters)
def test_a_character_is_its_number(written: tuple[str, int]) -> None:
    text, number = written

    assert read_character(f"'{text}'") == number


@given(
    st.lists(in_strings),
    refused.filter(lambda wrong: wrong != "\\"),
    st.lists(in_strings.filter(lambda each: len(each[0]) > 4)),
)
def test_a_string_that_go_refuses_is_refused(
    before: list[tuple[str, bytes]], wrong: str, after: list[tuple[str, bytes]]
) -> None:
    """What follows begins with a backslash, which completes nothing but another backslash."""
    written = "".join(text for text, _ in before) + wrong + "".join(text for text, _ in after)
    with pytest.raises(ValueError, match=r"nothing that Go|cannot stand"):
        read_string(f'"{written}"')


@given(refused)
def test_a_character_that_go_refuses_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"nothing that Go|cannot stand|unpack"):
        read_character(f"'{wrong}'")


@pytest.mark.parametrize("literal", ["''", "'ab'", "'''", "'\\\"'", "'e\u0301'"])
def test_a_constant_is_one_character_and_escapes_its_own_quote_only(literal: str) -> None:
    with pytest.raises(ValueError, match=r"cannot stand|unpack"):
        read_character(literal)


def test_a_string_escapes_its_own_quote_only() -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        read_string(r'"\'"')


@given(st.text(st.characters(exclude_characters="`", codec="utf-8")))
def test_a_raw_string_is_what_stands_there_without_carriage_returns(text: str) -> None:
    assert read_string(f"`{text}`") == text.replace("\r", "")


@given(st.text("\\'\"`xuU0178aN{}\n€\ud800 "))
def test_whatever_a_template_says_is_read_or_refused_with_its_place(text: str) -> None:
    for quote in "\"'`":
        with suppress(TemplateError):
            parse(f"{{{{ {quote}{text}{quote} }}}}", "it")


def test_a_fault_says_where_it_stands() -> None:
    with pytest.raises(TemplateError, match="cannot be read") as caught:
        parse('first\n{{ "\\q" }}', "mail")

    assert caught.value.where == "mail:2"
