"""How the node is, for people and for whatever restarts or routes to it. Needs no key."""

from __future__ import annotations

from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from msgspec import UNSET

from event_system.http import views
from event_system.http.access import OPEN
from event_system.http.app import Services
from event_system.http.health import Health
from event_system.http.openapi.answers import OpenOperation, answers
from event_system.http.openapi.examples import HEALTH
from event_system.http.replies import json_reply
from event_system.kernel.clock import to_datetime
from event_system.kernel.errors import StoppingError, UnavailableError

_OPEN: Final = {OPEN: True}
_UNAVAILABLE: Final = 503
_LIFE: Final = {"status": "ok"}


@get(
    "/health",
    opt=_OPEN,
    operation_class=OpenOperation,
    operation_id="health",
    tags=["health"],
    summary="The node and its components",
    description="`status` is `ok`, `degraded` or `down`; the answer is 503 where it is `down`.",
    responses=answers(views.Health, HEALTH, also={_UNAVAILABLE: "The node is down."}, keyed=False),
)
async def health(services: NamedDependency[Services]) -> Response[bytes]:
    found = services.health()
    status = _UNAVAILABLE if found.status == "down" else 200
    return json_reply(_view(found, services.clock.now_us()), status)


def _view(found: Health, now_us: int) -> views.Health:
    moment = to_datetime(now_us).strftime("%Y-%m-%dT%H:%M:%SZ")
    reasons = dict(found.reasons) or UNSET
    return views.Health(found.status, moment, dict(found.components), reasons)


@get(
    "/health/live",
    opt=_OPEN,
    operation_class=OpenOperation,
    operation_id="live",
    tags=["health"],
    summary="Whether the process answers",
    responses=answers(views.Life, _LIFE, keyed=False),
)
async def live() -> Response[bytes]:
    return json_reply(_LIFE)


@get(
    "/health/ready",
    opt=_OPEN,
    operation_class=OpenOperation,
    operation_id="ready",
    tags=["health"],
    summary="Whether the node takes events",
    description="503 while the node is stopping or a component is down.",
    responses=answers(views.Life, _LIFE, UnavailableError, StoppingError, keyed=False),
)
async def ready(services: NamedDependency[Services]) -> Response[bytes]:
    if not services.manager.accepting:
        raise StoppingError
    if down := services.health().those("down"):
        raise UnavailableError(f"down: {', '.join(down)}", where=down[0])
    return json_reply(_LIFE)


ROUTES = (health, live, ready)
