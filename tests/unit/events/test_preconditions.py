from __future__ import annotations

import pytest

from event_system.events.codec import decode_short
from event_system.events.preconditions import check_conditional, expected_offset
from event_system.kernel.errors import PreconditionError


@pytest.mark.parametrize(
    ("match", "none_match", "expected"),
    [(b'"17"', None, 17), (b"17", None, 17), (b'"0"', None, 0), (None, b"*", 0)],
)
def test_the_expected_offset_is_read(
    match: bytes | None, none_match: bytes | None, expected: int
) -> None:
    assert expected_offset(match, none_match) == expected


@pytest.mark.parametrize(
    ("match", "none_match", "where"),
    [
        (b"*", None, "If-Match"),
        (b'W/"17"', None, "If-Match"),
        (b'"1", "2"', None, "If-Match"),
        (b'"-1"', None, "If-Match"),
        (b'"17', None, "If-Match"),
        (b'"' + b"9" * 19 + b'"', None, "If-Match"),
        (b"", None, "If-Match"),
        (None, b'"17"', "If-None-Match"),
        (b'"17"', b"*", "If-Match"),
    ],
)
def test_what_expects_no_offset_is_refused(
    match: bytes | None, none_match: bytes | None, where: str
) -> None:
    with pytest.raises(PreconditionError) as caught:
        expected_offset(match, none_match)

    assert caught.value.where == where


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"type":"a"}', "$.subject"),
        (b'{"type":"a","subject":"p","deliver_at":"2026-11-21T12:00:00Z"}', "$.deliver_at"),
    ],
)
def test_a_precondition_needs_a_subject_and_now(body: bytes, where: str) -> None:
    with pytest.raises(PreconditionError) as caught:
        check_conditional(decode_short(body))

    assert caught.value.where == where
