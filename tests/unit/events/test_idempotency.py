from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.events.codec import MAX_ID, Draft
from event_system.events.idempotency import MAX_KEY, give_id, give_ids, parse_key
from event_system.kernel.errors import IdempotencyKeyError, InvalidEventError

KEYS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=MAX_KEY)


@given(KEYS)
def test_a_quoted_key_is_read_back_as_it_was(key: str) -> None:
    quoted = re.sub(r'(["\\])', r"\\\1", key)

    assert parse_key(f'"{quoted}"'.encode()) == key


@pytest.mark.parametrize("header", [b"4711", b"a b", b"urn:uuid:1/2", b"x" * 255, b"  4711 "])
def test_a_plain_key_is_read_as_it_stands(header: bytes) -> None:
    assert parse_key(header) == header.decode().strip()


@pytest.mark.parametrize(
    "header",
    [b"", b'""', b'"open', b'"a"b"', b'"a\\b"', b"x" * 256, b"\xc3\xa9", b"a\x00b", b'"a";p=1'],
)
def test_what_is_no_key_is_refused(header: bytes) -> None:
    with pytest.raises(IdempotencyKeyError) as caught:
        parse_key(header)

    assert caught.value.where == "Idempotency-Key"


@given(KEYS, KEYS)
def test_no_two_requests_get_the_same_id_by_chance(one: str, other: str) -> None:
    single, batch = Draft("a"), [Draft("a"), Draft("a")]
    give_id(one, single)
    give_ids(other, batch)

    ids = [single.id, batch[0].id, batch[1].id]
    assert len(set(ids)) == 3
    assert all(id_ is not None and len(id_) <= MAX_ID for id_ in ids)


def test_an_event_keeps_its_own_id_and_faulty_ones_count() -> None:
    own, other = Draft("a", id="mine"), Draft("a")
    give_ids("k", [own, InvalidEventError(), other])

    assert not give_id("k", own)
    assert own.id == "mine"
    assert other.id == "idem-batch:k/2"
