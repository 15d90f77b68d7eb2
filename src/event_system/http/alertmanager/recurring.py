"""Our own routes beside Alertmanager's API: silences that come again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import FromPath

from event_system.alerting.manager import AlertManager
from event_system.alerting.matchers import MAX_MATCHERS, Matcher, parse_matcher
from event_system.alerting.recurring import RecurringSilence, window
from event_system.alerting.silences import rules_of
from event_system.http.alertmanager.explain import PROBLEMS
from event_system.http.replies import json_reply
from event_system.kernel.clock import rfc3339, to_us
from event_system.kernel.errors import InvalidSilenceError, MalformedBodyError

_MAX_BODY: Final = 1024 * 1024
_SECOND_US: Final = 1_000_000
AnyRequest = Request[Any, Any, Any]


class PostedRecurring(msgspec.Struct, forbid_unknown_fields=True):
    """A window that comes again; matchers are written as `name="value"`."""

    matchers: list[str]
    cron: str
    duration_seconds: int
    created_by: str
    comment: str
    time_zone: str = "UTC"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    id: str = ""

    def recurring(self) -> RecurringSilence:
        """Raises `InvalidMatcherError` and `InvalidSilenceError`."""
        if not 0 < len(self.matchers) <= MAX_MATCHERS:
            raise InvalidSilenceError(f"has 1 to {MAX_MATCHERS} items", where="matchers")
        return RecurringSilence(
            id=self.id,
            rules=rules_of(map(parse_matcher, self.matchers)),
            cron=self.cron,
            time_zone=self.time_zone,
            duration_us=self.duration_seconds * _SECOND_US,
            created_by=self.created_by,
            comment=self.comment,
            starts_us=_us(self.starts_at),
            ends_us=_us(self.ends_at),
        )


_decode: Final = msgspec.json.Decoder(PostedRecurring).decode


def _us(moment: datetime | None) -> int:
    if moment is None:
        return 0
    return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _manager(request: AnyRequest) -> AlertManager:
    manager: AlertManager = request.app.state.alerting().manager
    return manager


def _view(manager: AlertManager, of: RecurringSilence) -> dict[str, Any]:
    now_us = manager.now_us()
    next_ = window(of, now_us)
    made = manager.silencing.recurring.made_by(of.id, manager.silences, now_us)
    return {
        "id": of.id,
        "matchers": [str(Matcher(*rule)) for rule in of.rules],
        "cron": of.cron,
        "time_zone": of.time_zone,
        "duration_seconds": of.duration_us // _SECOND_US,
        "created_by": of.created_by,
        "comment": of.comment,
        "starts_at": rfc3339(of.starts_us) if of.starts_us else None,
        "ends_at": rfc3339(of.ends_us) if of.ends_us else None,
        "updated_at": rfc3339(of.updated_us),
        "next": None
        if next_ is None
        else {"starts_at": rfc3339(next_.starts_us), "ends_at": rfc3339(next_.ends_us)},
        "silence": None if made is None else made.id,
        "state": "expired" if next_ is None else "pending" if made is None else made.state(now_us),
    }


@get("/api/silences/recurring", exception_handlers=PROBLEMS)
async def list_recurring(request: AnyRequest) -> Response[bytes]:
    manager = _manager(request)
    return json_reply(
        {"silences": [_view(manager, each) for each in manager.silencing.recurring.all()]}
    )


@post(
    "/api/silences/recurring",
    status_code=200,
    request_max_body_size=_MAX_BODY,
    exception_handlers=PROBLEMS,
)
async def set_recurring(request: AnyRequest) -> Response[bytes]:
    try:
        wanted = _decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBodyError(str(error)) from error
    manager = _manager(request)
    id_ = await manager.silencing.set_recurring(wanted.recurring())
    return json_reply(_view(manager, manager.silencing.recurring.get(id_)))


@get("/api/silences/recurring/{id_:str}", exception_handlers=PROBLEMS)
async def get_recurring(request: AnyRequest, id_: FromPath[str]) -> Response[bytes]:
    manager = _manager(request)
    return json_reply(_view(manager, manager.silencing.recurring.get(id_)))


@delete("/api/silences/recurring/{id_:str}", status_code=200, exception_handlers=PROBLEMS)
async def delete_recurring(request: AnyRequest, id_: FromPath[str]) -> Response[bytes]:
    manager = _manager(request)
    view = _view(manager, manager.silencing.recurring.get(id_))
    await manager.silencing.drop_recurring(id_)
    return json_reply(view)


RECURRING: Final = (list_recurring, set_recurring, get_recurring, delete_recurring)
