from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.http.compression import MIN_BYTES, THREAD_BYTES, choose, compressing
from event_system.http.encodings import PREFERRED, unpacked

Header = tuple[bytes, bytes]
JSON: Header = (b"Content-Type", b"application/json")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        *(("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"), ("GZIP", "gzip")),
        *(("gzip, deflate, br, zstd", "zstd"), ("gzip, br", "br"), ("br;q=0.5, gzip", "gzip")),
        *(("gzip;q=0.2, br;q=0.1, zstd;q=0", "gzip"), ("*", "zstd"), ("*;q=0.5, gzip", "gzip")),
        *(("zstd;q=0, *", "br"), ("gzip;q=0", None), ("identity", None), ("deflate", None)),
        *(("", None), ("gzip;q=x", None), ("identity, gzip;q=0.5", None), ("*;q=0", None)),
        *(("identity;q=0.5, gzip;q=0.5", "gzip"), ("gzip ; q=1.0", "gzip"), (",;,q=", None)),
    ],
)
def test_the_client_chooses_by_quality_and_we_among_equals(
    accepted: str, coding: str | None
) -> None:
    assert choose(accepted) == coding


@given(st.text(st.sampled_from("gzipbrtsd*q=;,. 01x"), max_size=40))
def test_any_header_chooses_something_or_nothing(accepted: str) -> None:
    assert choose(accepted) in (*PREFERRED, None)


async def answered(
    body: Sequence[bytes], *headers: Header, accepted: bytes | None = b"gzip", also: bytes = b""
) -> list[dict[str, Any]]:
    """The messages that leave for an answer in these parts."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        for number, part in enumerate(body, 1):
            more = number < len(body)
            await send({"type": "http.response.body", "body": part, "more_body": more})

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    lines = [line for line in (accepted, also) if line]
    asked = [(b"accept-encoding", line) for line in lines]
    await compressing(app)({"headers": asked}, None, send)
    return sent


async def test_all_lines_of_the_header_count() -> None:
    (head, _) = await answered([b"x" * MIN_BYTES], JSON, accepted=b"br;q=0.9", also=b"gzip;q=0.1")

    assert (b"content-encoding", b"br") in head["headers"]


@pytest.mark.parametrize("coding", PREFERRED)
@pytest.mark.parametrize("size", [MIN_BYTES, THREAD_BYTES])
async def test_a_large_answer_is_packed(coding: str, size: int) -> None:
    length = (b"content-length", b"%d" % size)

    head, content = await answered([b"x" * size], JSON, length, accepted=coding.encode())

    assert dict(head["headers"]) == {
        b"content-type": b"application/json",
        b"vary": b"accept-encoding",
        b"content-length": b"%d" % len(content["body"]),
        b"content-encoding": coding.encode(),
    }
    assert len(content["body"]) < size / 2
    assert unpacked(coding.encode(), content["body"], size) == b"x" * size


@pytest.mark.parametrize("coding", PREFERRED)
async def test_an_answer_in_parts_is_packed_part_by_part(coding: str) -> None:
    parts = [b"one" * 100, b"\n", b"x" * THREAD_BYTES, b""]

    head, *content = await answered(parts, JSON, accepted=coding.encode())

    assert b"content-length" not in dict(head["headers"])
    assert dict(head["headers"])[b"content-encoding"] == coding.encode()
    assert len(content) == len(parts)
    assert all(message["body"] for message in content)
    body = b"".join(message["body"] for message in content)
    assert unpacked(coding.encode(), body, 100_000) == b"".join(parts)


@pytest.mark.parametrize("accepted", [None, b"deflate", b"gzip;q=0"])
async def test_a_large_answer_says_that_it_could_have_been_packed(accepted: bytes | None) -> None:
    head, content = await answered([b"x" * MIN_BYTES], JSON, accepted=accepted)

    assert (b"vary", b"accept-encoding") in head["headers"]
    assert content["body"] == b"x" * MIN_BYTES


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ([b"x" * (MIN_BYTES - 1)], [JSON]),
        ([b"x" * MIN_BYTES], [(b"content-type", b"image/png")]),
        ([b"x" * MIN_BYTES], [JSON, (b"content-encoding", b"br")]),
        ([b"x" * MIN_BYTES], []),
        ([b"x" * MIN_BYTES, b"y", b""], [(b"content-type", b"text/event-stream")]),
    ],
    ids=["small", "no text", "packed already", "of no type", "a stream"],
)
async def test_other_answers_pass_as_they_are(body: list[bytes], headers: list[Header]) -> None:
    head, *parts = await answered(body, *headers)

    assert head["headers"] == headers
    assert [part["body"] for part in parts] == body
