from __future__ import annotations

import gzip
import tracemalloc
import zlib
from contextlib import suppress

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from event_system.http.encodings import PREFERRED, Packer, unpacked
from event_system.kernel.errors import (
    BodyTooLargeError,
    MalformedEncodingError,
    UnsupportedEncodingError,
)

LIMIT = 1_000_000
MiB = 1024 * 1024


def zstd(body: bytes) -> bytes:
    """A frame that does not say how long its content is."""
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    return packer.compress(body) + packer.flush()


@given(st.sampled_from(PREFERRED), st.binary(max_size=300).map(lambda part: part * 1000))
def test_what_is_packed_is_unpacked(coding: str, body: bytes) -> None:
    assert unpacked(coding.encode(), Packer(coding).end(body), LIMIT) == body


@given(st.sampled_from(PREFERRED), st.lists(st.binary(max_size=3000), max_size=6))
def test_parts_are_unpacked_as_one(coding: str, parts: list[bytes]) -> None:
    packer = Packer(coding)

    body = b"".join(map(packer.part, parts)) + packer.end(b"last")

    assert unpacked(coding.encode(), body, LIMIT) == b"".join(parts) + b"last"


def test_a_part_can_be_read_before_the_next_one_comes() -> None:
    gzip_, brotli_, zstd_ = (Packer(coding).part(b"first") for coding in ("gzip", "br", "zstd"))

    assert zlib.decompressobj(31).decompress(gzip_) == b"first"
    assert brotli.Decompressor().process(brotli_) == b"first"
    assert zstandard.ZstdDecompressor().decompressobj().decompress(zstd_) == b"first"


@pytest.mark.parametrize("coding", [b"gzip", b"x-gzip", b" GZIP "])
def test_gzip_has_several_names(coding: bytes) -> None:
    assert unpacked(coding, gzip.compress(b"some"), LIMIT) == b"some"


@pytest.mark.parametrize("coding", [b"", b"identity"])
def test_no_coding_leaves_the_body_as_it_is(coding: bytes) -> None:
    assert unpacked(coding, b"some", 2) == b"some"


@pytest.mark.parametrize(("coding", "pack"), [(b"gzip", gzip.compress), (b"zstd", zstd)])
def test_members_and_frames_follow_each_other(coding: bytes, pack: type[bytes]) -> None:
    parts = [b"one" * 1000, b"", b"two" * 5]

    assert unpacked(coding, b"".join(map(pack, parts)), LIMIT) == b"".join(parts)


@pytest.mark.parametrize("coding", PREFERRED)
def test_the_limit_is_what_a_body_may_have_unpacked(coding: str) -> None:
    body = Packer(coding).end(b"x" * 1000)

    assert len(unpacked(coding.encode(), body, 1000)) == 1000
    with pytest.raises(BodyTooLargeError):
        unpacked(coding.encode(), body, 999)


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        (b"gzip", gzip.compress(bytes(400 * MiB), 1)),
        (b"br", brotli.compress(bytes(400 * MiB), quality=1)),
        (b"zstd", zstd(bytes(400 * MiB))),
    ],
    ids=["gzip", "br", "zstd"],
)
def test_a_bomb_is_refused_before_it_is_large(coding: bytes, bomb: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(BodyTooLargeError):
        unpacked(coding, bomb, LIMIT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(bomb) < 2 * MiB
    assert peak < 80 * MiB


@pytest.mark.parametrize("coding", PREFERRED)
@pytest.mark.parametrize("left", [1, 10, 500])
def test_a_body_that_is_not_whole_is_refused(coding: str, left: int) -> None:
    body = Packer(coding).end(bytes(range(256)) * 20)[:-left]

    with pytest.raises(MalformedEncodingError):
        unpacked(coding.encode(), body or b"\x00", LIMIT)


@pytest.mark.parametrize("coding", PREFERRED)
@given(body=st.binary(min_size=1, max_size=2000))
def test_rubbish_is_refused_or_unpacked_but_never_an_accident(coding: str, body: bytes) -> None:
    content = b""
    with suppress(MalformedEncodingError, BodyTooLargeError):
        content = unpacked(coding.encode(), body, LIMIT)

    assert len(content) <= LIMIT


@pytest.mark.parametrize("coding", [b"deflate", b"gzip, br", b"\xff", b"*"])
def test_an_unknown_coding_is_refused(coding: bytes) -> None:
    with pytest.raises(UnsupportedEncodingError):
        unpacked(coding, b"some", LIMIT)
