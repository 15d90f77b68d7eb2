"""Names of label sets: FNV-1a of 64 bits of their names and values, the same as Prometheus' own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from event_system.alerting.labels import Labels

_OFFSET: Final = 14695981039346656037
_PRIME: Final = 1099511628211
_MASK: Final = (1 << 64) - 1
_FEW: Final = 8
"""Fewer are faster one by one."""
_LONG: Final = 1_024
"""Bytes of names and values: so many sets of this length take a few megabytes."""


def fingerprint(labels: Labels) -> str:
    """16 hex digits that name a label set; empty labels are none."""
    return _hashed(_text(labels))


def fingerprints(sets: Iterable[Labels]) -> list[str]:
    """Those of many, together: each byte is one step for all of them."""
    texts = [_text(labels) for labels in sets]
    places = [place for place, text in enumerate(texts) if 0 < len(text) <= _LONG]
    if len(places) < _FEW:
        return [_hashed(text) for text in texts]
    found = dict(zip(places, _hashed_together([texts[place] for place in places]), strict=True))
    return [found.get(place) or _hashed(text) for place, text in enumerate(texts)]


def _text(labels: Labels) -> bytes:
    parts: list[bytes] = []
    for name in sorted(labels):
        if value := labels[name]:
            parts += name.encode("utf-8", "replace"), value.encode("utf-8", "replace")
    return b"\xff".join((*parts, b""))


def _hashed(text: bytes) -> str:
    found = _OFFSET
    for byte in text:
        found = (found ^ byte) * _PRIME & _MASK
    return f"{found:016x}"


def _hashed_together(texts: Sequence[bytes]) -> list[str]:
    """All end in the last column; zeros before a text leave a hash as it is, which is zero."""
    import numpy as np  # loads after the node listens

    width, count = max(map(len, texts)), len(texts)
    rows = b"".join([text.rjust(width, b"\0") for text in texts])
    columns = np.frombuffer(rows, np.uint8).reshape(count, width).T.astype(np.uint64)
    begins = width - np.fromiter(map(len, texts), np.intp, count)
    columns[begins, np.arange(count)] ^= np.uint64(_OFFSET)
    found, prime = np.zeros(count, np.uint64), np.uint64(_PRIME)
    for column in columns:
        np.bitwise_xor(found, column, out=found)
        np.multiply(found, prime, out=found)
    digits = found.astype(">u8").tobytes().hex()
    return [digits[place : place + 16] for place in range(0, len(digits), 16)]
