"""What senders post, decoded and checked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from event_system.alerting.matchers import MAX_MATCHERS, Matcher
from event_system.alerting.reports import Report
from event_system.alerting.silences import Silence, rules_of
from event_system.http.alertmanager.errors import ApiError
from event_system.kernel.clock import to_us

MAX_ALERTS: Final = 100_000
_BAD: Final = 400
_UNPROCESSABLE: Final = 422
_MISSING: Final = 602
_TOO_FEW: Final = 612
_OPERATORS: Final = {
    (True, False): "=",
    (False, False): "!=",
    (True, True): "=~",
    (False, True): "!~",
}
T = TypeVar("T")


class PostedAlert(msgspec.Struct, rename="camel", gc=False):
    """`postableAlert`."""

    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    generator_url: str | None = msgspec.field(name="generatorURL", default=None)

    def report(self) -> Report:
        return Report(
            labels=self.labels,
            annotations=self.annotations or {},
            starts_us=_moment_us(self.starts_at),
            ends_us=_moment_us(self.ends_at),
            generator_url=self.generator_url or "",
        )


class PostedMatcher(msgspec.Struct, rename="camel"):
    """`matcher`."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool | None = None

    def matcher(self) -> Matcher:
        """Raises `InvalidMatcherError`."""
        is_equal = self.is_equal is not False
        operator: Any = _OPERATORS[is_equal, self.is_regex]
        return Matcher(self.name, operator, self.value)


class PostedSilence(msgspec.Struct, rename="camel"):
    """`postableSilence`."""

    matchers: list[PostedMatcher]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    id: str | None = None

    def silence(self) -> Silence:
        """Raises `ApiError` and `InvalidMatcherError`."""
        if not self.matchers:
            raise unprocessable("matchers in body should have at least 1 items", _TOO_FEW)
        if len(self.matchers) > MAX_MATCHERS:
            raise unprocessable(f"matchers in body should have at most {MAX_MATCHERS} items", 613)
        return Silence(
            id=self.id or "",
            rules=rules_of(each.matcher() for each in self.matchers),
            starts_us=_moment_us(self.starts_at) or 0,
            ends_us=_moment_us(self.ends_at) or 0,
            updated_us=0,
            created_by=self.created_by,
            comment=self.comment,
        )


_decode_alerts: Final = msgspec.json.Decoder(list[PostedAlert] | None).decode
_decode_silence: Final = msgspec.json.Decoder(PostedSilence).decode


def reports(body: bytes) -> list[Report]:
    """Raises `ApiError`."""
    if not body.strip():
        raise unprocessable("alerts in body is required")
    found = _decoded(_decode_alerts, body, "alerts") or []
    if len(found) > MAX_ALERTS:
        raise unprocessable(f"alerts in body should have at most {MAX_ALERTS} items", 613)
    return [alert.report() for alert in found]


def silence(body: bytes) -> Silence:
    """Raises `ApiError` and `InvalidMatcherError`."""
    if not body.strip():
        raise unprocessable("silence in body is required")
    return _decoded(_decode_silence, body, "silence").silence()


def _decoded(decode: Callable[[bytes], T], body: bytes, name: str) -> T:
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        told = str(error)
        if "missing required field" in told:
            raise unprocessable(told) from None
        raise _bad(f"parsing {name} body failed, because {told}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad(f"parsing {name} body failed, because {error}") from None
    except RecursionError:
        raise _bad(f"parsing {name} body failed, because it is nested too deeply") from None


def unprocessable(message: str, code: int = _MISSING) -> ApiError:
    return ApiError(_UNPROCESSABLE, {"code": code, "message": message})


def _bad(message: str) -> ApiError:
    return ApiError(_BAD, {"code": _BAD, "message": message})


def _moment_us(moment: datetime | None) -> int | None:
    """Go's zero, the year 1, is no moment; without a zone it is UTC."""
    if moment is None or moment.year == 1:
        return None
    try:
        return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except OverflowError:
        return None
