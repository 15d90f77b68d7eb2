"""Looking at a node's cache, and forgetting what is in it."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg

from event_system.cache.cache import Cache
from event_system.http import views
from event_system.http.app import Services
from event_system.http.bodies import MAX_BODY, CachePurge
from event_system.http.openapi.answers import answers
from event_system.http.openapi.examples import CACHE, shown
from event_system.http.replies import json_reply
from event_system.kernel.errors import (
    BodyTooLargeError,
    InvalidRequestError,
    RedisUnreachableError,
)

PurgeBody: TypeAlias = Annotated[
    CachePurge | None,
    BodyKwarg(
        media_type=RequestEncodingType.JSON,
        examples=[shown("tags", "what belongs to a guild", {"tags": ["guild:g1"]})],
    ),
]


@get(
    "/api/cache",
    operation_id="getCache",
    tags=["cache"],
    summary="Look at the cache",
    description="What this node's cache holds, and how often it found something since the start.",
    responses=answers(views.CacheStatus, CACHE),
)
async def get_cache(services: NamedDependency[Services]) -> Response[bytes]:
    return json_reply(_status(services.cache))


@post(
    "/api/cache/purge",
    status_code=200,
    operation_id="purgeCache",
    tags=["cache"],
    summary="Forget what is in the cache",
    description=(
        "What was loaded under one of the tags, or, without any, everything: on all nodes that "
        "share a Redis server, else on this one. Nothing is lost but time."
    ),
    request_max_body_size=MAX_BODY,
    responses=answers(
        views.CacheStatus, CACHE, InvalidRequestError, BodyTooLargeError, RedisUnreachableError
    ),
)
async def purge_cache(
    services: NamedDependency[Services], data: PurgeBody = None
) -> Response[bytes]:
    if data is None or data.tags is None:
        await services.cache.purge()
    else:
        await services.cache.invalidate(*data.tags)
    return json_reply(_status(services.cache))


def _status(cache: Cache) -> views.CacheStatus:
    numbers = cache.numbers
    return views.CacheStatus(
        entries=len(cache.memory),
        size_bytes=cache.memory.bytes,
        memory_hits=numbers.memory_hits,
        redis_hits=numbers.remote_hits,
        misses=numbers.misses,
        hit_rate=round(numbers.hit_rate, 1),
        load_errors=numbers.load_errors,
        attached=cache.attached,
    )


ROUTES = (get_cache, purge_cache)
