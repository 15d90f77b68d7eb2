"""What a browser may say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.kernel.errors import InvalidBeaconError
from event_system.rum.beacon import MAX_BYTES, Beacon, read_beacon

WHOLE = {
    "page": "/shop/1",
    "view": True,
    "entry": True,
    "dwell_s": 12.5,
    "load_ms": 900,
    "fcp_ms": 300.5,
    "lcp_ms": 1200,
    "inp_ms": 40,
    "fid_ms": 3,
    "cls": 0.02,
    "errors": {"script": 2},
    "features": {"chat": 1},
    "goals": {"purchase": 1},
}


def test_a_whole_beacon_is_read() -> None:
    beacon = read_beacon(json.dumps(WHOLE).encode())

    assert (beacon.page, beacon.lcp_ms, beacon.errors) == ("/shop/1", 1200, {"script": 2})


def test_what_a_newer_script_adds_is_passed_over() -> None:
    assert read_beacon(b'{"page": "/", "ttfb_ms": 3}') == Beacon(page="/")


@pytest.mark.parametrize(
    "change",
    [
        {"page": ""},
        {"page": "/" + "x" * 512},
        {"page": None},
        {"load_ms": -1},
        {"load_ms": 600_001},
        {"lcp_ms": "1"},
        {"cls": -0.1},
        {"dwell_s": 86_401},
        {"errors": {"other": 1}},
        {"errors": {"script": 0}},
        {"errors": {"script": 1001}},
        {"features": {"": 1}},
        {"features": {"x" * 65: 1}},
        {"features": {f"f{n}": 1 for n in range(21)}},
        {"goals": ["purchase"]},
        {"view": 1},
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidBeaconError):
        read_beacon(json.dumps({**WHOLE, **change}).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"page": "\xed\xa0\x80"}',
        b'{"page": NaN}',
        b'{"page":"/","load_ms":1e999}',
        b'{"page": "/"}' + b" " * MAX_BYTES,
        b'{"x":' * 1300 + b"1" + b"}" * 1300,
    ],
)
def test_what_is_no_beacon_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidBeaconError):
        read_beacon(body)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_do_anything_else_than_be_refused(body: bytes) -> None:
    with pytest.raises(InvalidBeaconError):
        read_beacon(body)
