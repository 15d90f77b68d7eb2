"""Stable 63-bit keys of strings, and the lane that a key belongs to.

The keys are stored, so the hash (XXH3, seeded by kind) must never change. They only speed a
search up: whoever finds something by key compares the strings as well.
"""

from __future__ import annotations

from collections.abc import Iterable

from xxhash import xxh3_64_intdigest as _hash

_SUBJECT, _TYPE, _SOURCE = 1, 2, 3


def subject_key(subject: str) -> int:
    return _hash(subject.encode(), _SUBJECT) >> 1


def type_key(type_: str) -> int:
    return _hash(type_.encode(), _TYPE) >> 1


def source_key(source: str) -> int:
    return _hash(source.encode(), _SOURCE) >> 1


def id_key(id_: str) -> int:
    return _hash(id_.encode()) >> 1


def id_keys(ids: Iterable[str]) -> list[int]:
    """The keys of many ids."""
    return [_hash(id_.encode()) >> 1 for id_ in ids]


def subject_keys(subjects: Iterable[str | None]) -> list[int | None]:
    """The keys of many subjects; None stays None."""
    return [None if s is None else _hash(s.encode(), _SUBJECT) >> 1 for s in subjects]


def lane_of(key: int, lanes: int) -> int:
    """The lane of a subject key (or of an id key where an event has no subject)."""
    return key % lanes
