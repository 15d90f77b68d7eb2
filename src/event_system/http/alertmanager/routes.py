"""The routes of the API, and those with which a process is looked after."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request, Response, delete, get, post
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import Stream

from event_system.alerting.alert import Alert
from event_system.alerting.manager import AlertManager
from event_system.alerting.matchers import Matcher, all_match, compiled, parse_matcher
from event_system.alerting.muting import Muted, Muting
from event_system.alerting.ordering import AT_ONCE, in_order
from event_system.http.alertmanager import bodies, views
from event_system.http.alertmanager.errors import ApiError
from event_system.http.alertmanager.metrics import exposition
from event_system.http.alertmanager.services import ApiServices
from event_system.http.replies import json_reply, json_stream, text_reply
from event_system.kernel.clock import rfc3339
from event_system.kernel.errors import EventSystemError

MAX_BODY: Final = 64 * 1024 * 1024
MAX_FILTERS: Final = 100
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UNKNOWN: Final = 404
AnyRequest = Request[Any, Any, State]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which alerts are asked for."""

    matchers: tuple[Matcher, ...]
    receiver: Any
    active: bool
    silenced: bool
    inhibited: bool

    def takes(self, alert: Alert, muted: Muted) -> bool:
        if not any(muted):
            return self.active and all_match(self.matchers, alert.labels)
        if muted.silenced_by and not self.silenced:
            return False
        if muted.inhibited_by and not self.inhibited:
            return False
        return all_match(self.matchers, alert.labels)

    def takes_receiver(self, name: str) -> bool:
        return self.receiver is None or self.receiver.search(name) is not None


def _wanted(request: AnyRequest) -> _Wanted:
    query = request.query_params
    receiver = query.get("receiver")
    return _Wanted(
        _matchers(request),
        compiled(receiver) if receiver else None,
        *(query.get(name, "true").lower() not in ("false", "0", "f", "no", "off", "n") for name in (
            "active", "silenced", "inhibited")),
    )  # fmt: skip


def _matchers(request: AnyRequest) -> tuple[Matcher, ...]:
    filters = request.query_params.getall("filter", [])
    if len(filters) > MAX_FILTERS:
        raise ApiError(400, f"there are over {MAX_FILTERS} filters")
    return tuple(parse_matcher(text) for text in filters)


def _services(request: AnyRequest) -> ApiServices:
    services: ApiServices = request.app.state.alerting()
    return services


@get("/api/v2/status")
async def get_status(request: AnyRequest) -> Response[bytes]:
    services = _services(request)
    status = services.status
    cluster: dict[str, Any] = {"peers": [], "status": "disabled"}
    if status.peer is not None:
        name, address = status.peer
        peers = [{"name": name, "address": address}]
        cluster = {"name": name, "peers": peers, "status": "ready"}
    version = {
        "version": status.version,
        "revision": status.revision,
        "branch": "",
        "buildUser": "",
    }
    return json_reply(
        {
            "cluster": cluster,
            "config": {"original": services.manager.configuration.original},
            "uptime": rfc3339(status.started_us),
            "versionInfo": {**version, "buildDate": status.build_time, "goVersion": ""},
        }
    )


@get("/api/v2/receivers")
async def get_receivers(request: AnyRequest) -> Response[bytes]:
    receivers = _services(request).manager.configuration.receivers
    return json_reply([{"name": name} for name in receivers])


@get("/api/v2/alerts")
async def get_alerts(request: AnyRequest) -> Stream:
    return json_stream(_alerts(_services(request).manager, _wanted(request)))


async def _alerts(manager: AlertManager, wanted: _Wanted) -> AsyncIterator[list[dict[str, Any]]]:
    """In pages, as they may be very many."""
    now_us, muting = manager.now_us(), manager.muting()
    async for page in manager.in_turns():
        yield list(_shown(page, manager, wanted, muting, now_us))


def _shown(
    alerts: Iterable[Alert], manager: AlertManager, wanted: _Wanted, muting: Muting, now_us: int
) -> Iterator[dict[str, Any]]:
    for alert in alerts:
        receivers = manager.receivers_of(alert)
        if not any(map(wanted.takes_receiver, receivers)):
            continue
        muted = muting.of_alert(alert, now_us)
        if wanted.takes(alert, muted):
            yield views.alert_view(alert, muted, receivers)


@get("/api/v2/alerts/groups")
async def get_groups(request: AnyRequest) -> Stream:
    return json_stream(_groups(_services(request).manager, _wanted(request)))


async def _groups(manager: AlertManager, wanted: _Wanted) -> AsyncIterator[list[dict[str, Any]]]:
    """One at a time, as they may be very many."""
    now_us, muting = manager.now_us(), manager.muting()
    for group in manager.groups():
        receiver = group.route.options.receiver
        if not wanted.takes_receiver(receiver):
            continue
        alerts = await in_order([a for a in group.alerts.values() if not a.resolved_at(now_us)])
        found: list[dict[str, Any]] = []
        for place in range(0, len(alerts), AT_ONCE):
            page = alerts[place : place + AT_ONCE]
            found += _of_group(page, manager, wanted, muting, now_us)
            await asyncio.sleep(0)
        if found:
            yield [{"labels": group.labels, "receiver": {"name": receiver}, "alerts": found}]


def _of_group(
    alerts: Iterable[Alert], manager: AlertManager, wanted: _Wanted, muting: Muting, now_us: int
) -> Iterator[dict[str, Any]]:
    for alert in alerts:
        muted = muting.of_alert(alert, now_us)
        if wanted.takes(alert, muted):
            yield views.alert_view(alert, muted, manager.receivers_of(alert))


@post("/api/v2/alerts", status_code=200, request_max_body_size=MAX_BODY)
async def post_alerts(request: AnyRequest) -> Response[bytes]:
    await _services(request).manager.receive(bodies.reports(await request.body()))
    return Response(b"", status_code=200, media_type="application/json")


@get("/api/v2/silences")
async def get_silences(request: AnyRequest) -> Response[bytes]:
    manager, matchers = _services(request).manager, _matchers(request)
    creators = request.query_params.getall("creator", [])
    now_us = manager.now_us()
    found = []
    for silence in manager.silences.all(now_us):
        if creators and silence.created_by not in creators:
            continue
        own = manager.silences.matchers(silence)
        if all_match(matchers, {matcher.name: matcher.value for matcher in own}):
            found.append(views.silence_view(silence, own, now_us))
    return json_reply(found)


@post("/api/v2/silences", status_code=200, request_max_body_size=1024 * 1024)
async def post_silence(request: AnyRequest) -> Response[bytes]:
    wanted = bodies.silence(await request.body())
    return json_reply({"silenceID": await _services(request).manager.set_silence(wanted)})


@get("/api/v2/silence/{id_:str}")
async def get_silence(request: AnyRequest, id_: FromPath[str]) -> Response[bytes]:
    silences = _services(request).manager.silences
    silence = silences.get(_uuid(id_))
    now_us = _services(request).manager.now_us()
    return json_reply(views.silence_view(silence, silences.matchers(silence), now_us))


@delete("/api/v2/silence/{id_:str}", status_code=200)
async def delete_silence(request: AnyRequest, id_: FromPath[str]) -> Response[bytes]:
    await _services(request).manager.expire_silence(_uuid(id_))
    return Response(b"", status_code=200, media_type="application/json")


def _uuid(id_: str) -> str:
    if _UUID.fullmatch(id_) is None:
        told = f'silenceID in path must be of type uuid: "{id_[:80]}"'
        raise bodies.unprocessable(told, 601)
    return id_.lower()


@get("/-/healthy")
async def healthy() -> Response[bytes]:
    return text_reply("OK", "text/plain", {})


@get("/-/ready")
async def ready() -> Response[bytes]:
    return text_reply("OK", "text/plain", {})


@post("/-/reload", status_code=200)
async def reload(request: AnyRequest) -> Response[bytes]:
    try:
        await request.app.state.reload()
    except EventSystemError as error:
        told = f"failed to reload config: {error.detail}\n"
        return Response(told.encode(), status_code=500, media_type="text/plain")
    return Response(b"", status_code=200, media_type="text/plain")


@get("/metrics")
async def metrics(request: AnyRequest) -> Response[bytes]:
    services = _services(request)
    text = await exposition(services.manager, services.status.version)
    return text_reply(text, "text/plain; version=0.0.4", {})


API: Final = (
    *(get_status, get_receivers, get_alerts, get_groups, post_alerts),
    *(get_silences, post_silence, get_silence, delete_silence),
)
"""What is also answered inside a node."""
ROUTES: Final = (*API, healthy, ready, reload, metrics)
