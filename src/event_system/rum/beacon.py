"""What a browser says of one page view, and whether that can be true."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from event_system.kernel.errors import InvalidBeaconError

MAX_BYTES: Final = 8192
_Milliseconds: TypeAlias = Annotated[float, Meta(ge=0, le=600_000)]
_Page: TypeAlias = Annotated[str, Meta(min_length=1, max_length=512)]
_Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
_Times: TypeAlias = Annotated[int, Meta(ge=1, le=1000)]
_Counts: TypeAlias = Annotated[dict[_Name, _Times], Meta(max_length=20)]
_ERRORS: Final = ("script", "promise", "resource")
MEASURES: Final = ("load", "fcp", "lcp", "inp", "fid")
"""The members in milliseconds, `load_ms` and so on."""


class Beacon(Struct, frozen=True):
    """One message of a browser. Members that a newer script may add are passed over.

    `view` begins a page view, and only with it come `entry` (the view begins a visit, too),
    `continued` (it is the second one of a visit that began on that page), the time that the page
    was seen, and what was measured while it came up.
    """

    page: _Page
    view: bool = False
    entry: bool = False
    continued: _Page | None = None
    dwell_s: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    load_ms: _Milliseconds | None = None
    fcp_ms: _Milliseconds | None = None
    lcp_ms: _Milliseconds | None = None
    inp_ms: _Milliseconds | None = None
    fid_ms: _Milliseconds | None = None
    cls: Annotated[float, Meta(ge=0, le=100)] | None = None
    errors: _Counts = {}
    features: _Counts = {}
    goals: _Counts = {}


_decode = msgspec.json.Decoder(Beacon).decode


def read_beacon(body: bytes) -> Beacon:
    """The beacon of a body. Raises `InvalidBeaconError`."""
    if len(body) > MAX_BYTES:
        raise InvalidBeaconError(f"over {MAX_BYTES} bytes")
    try:
        beacon = _decode(body)
    except RecursionError as error:
        raise InvalidBeaconError("the body is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidBeaconError(str(error)[:200]) from error
    if unknown := beacon.errors.keys() - set(_ERRORS):
        raise InvalidBeaconError(f"no kind of error: {min(unknown)!r}", where="errors")
    return beacon
