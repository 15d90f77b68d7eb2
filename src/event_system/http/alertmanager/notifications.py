"""Our own routes beside Alertmanager's API: the delivery log, and the test button."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Response, get, post

from event_system.alerting.deliveries import STATUSES, Attempt, Deliveries, Delivery, Wanted
from event_system.alerting.manager import AlertManager
from event_system.alerting.reading.spans import span_us
from event_system.alerting.trying import Outcome, chosen, try_out
from event_system.http.alertmanager.explain import PROBLEMS, AnyRequest
from event_system.http.replies import json_reply
from event_system.kernel.clock import rfc3339
from event_system.kernel.errors import (
    BodyTooLargeError,
    InvalidQueryError,
    MalformedBodyError,
    UnavailableError,
)

MOST: Final = 1_000
MAX_BODY: Final = 4_096


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """What to test: `RECEIVER` or `RECEIVER/KIND/INDEX`."""

    channel: str


@get("/api/notifications", exception_handlers=PROBLEMS)
async def list_notifications(request: AnyRequest) -> Response[bytes]:
    query = request.query_params
    status, limit = query.get("status", ""), _limit(query.get("limit", "100"))
    if status and status not in STATUSES:
        raise InvalidQueryError(f"status is one of {', '.join(STATUSES)}", where="status")
    wanted = Wanted(
        receiver=query.get("receiver", ""),
        status=status,
        fingerprint=query.get("fingerprint", ""),
        since_us=_since_us(request, query.get("since", "")),
        before=query.get("before", ""),
    )
    found: list[Delivery] = []
    for delivery in _deliveries(request).find(wanted):
        if len(found) == limit:
            return json_reply({"notifications": _views(found), "next": found[-1].id})
        found.append(delivery)
    return json_reply({"notifications": _views(found), "next": None})


@post("/api/notifications/test", status_code=200, exception_handlers=PROBLEMS)
async def try_channel(request: AnyRequest) -> Response[bytes]:
    body = await request.body()
    if len(body) > MAX_BODY:
        raise BodyTooLargeError(f"the body has over {MAX_BODY:,} bytes")
    try:
        wish = msgspec.json.decode(body, type=Wish)
    except msgspec.DecodeError as error:
        raise MalformedBodyError(str(error)) from None
    manager = _manager(request)
    receiver, integrations = chosen(manager.configuration, wish.channel)
    manager.trials.take(receiver, integrations)
    url, log = manager.options.external_url, manager.sender.deliveries
    outcomes = [await try_out(receiver, each, url, manager.now_us(), log) for each in integrations]
    return json_reply({"receiver": receiver.name, "channels": [outcome_view(e) for e in outcomes]})


def outcome_view(outcome: Outcome) -> dict[str, Any]:
    stages = [
        {"name": e.name, "passed": e.passed, "detail": e.detail, "took_ms": e.took_ms}
        for e in outcome.stages
    ]
    return {"channel": outcome.channel, "passed": outcome.passed, "stages": stages}


def _manager(request: AnyRequest) -> AlertManager:
    manager: AlertManager = request.app.state.alerting().manager
    return manager


def _deliveries(request: AnyRequest) -> Deliveries:
    found = _manager(request).sender.deliveries
    if found is None:
        raise UnavailableError("this node keeps no delivery log")
    return found


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= MOST:
        raise InvalidQueryError(f"limit lies between 1 and {MOST:,}", where="limit")
    return int(text)


def _since_us(request: AnyRequest, text: str) -> int | None:
    """A span: `90m`, `2h`, `1d`."""
    if not text:
        return None
    try:
        return _manager(request).now_us() - span_us(text)
    except ValueError as error:
        raise InvalidQueryError(f"since is a span like 2h: {error}", where="since") from None


def _views(found: list[Delivery]) -> list[dict[str, Any]]:
    return [_view(each) for each in found]


def _view(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "begun_at": rfc3339(delivery.begun_us),
        "at": rfc3339(delivery.at_us),
        "receiver": delivery.receiver,
        "channel": delivery.channel,
        "group_key": delivery.group_key,
        "alerts": delivery.alerts,
        "alert_count": delivery.alert_count,
        "status": delivery.status,
        "attempt_count": delivery.attempt_count,
        "attempts": [_attempt(each) for each in delivery.attempts],
        "error": delivery.error,
        "note": delivery.note,
        "count": delivery.count,
        "bundle": delivery.bundle,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    took_ms = attempt.took_us // 1000
    return {"at": rfc3339(attempt.at_us), "took_ms": took_ms, "error": attempt.error}


NOTIFICATIONS: Final = (list_notifications, try_channel)
