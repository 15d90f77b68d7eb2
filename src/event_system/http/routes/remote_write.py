"""Prometheus' remote write: samples come in."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, post
from litestar.di import NamedDependency

from event_system.http.access import UNPACKS
from event_system.http.app import Services
from event_system.kernel.errors import (
    MonitoringOffError,
    UnsupportedEncodingError,
    UnsupportedMediaTypeError,
)

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a request as it comes, packed."""
_TYPE: Final = b"application/x-protobuf"
_OTHER_MESSAGE: Final = b"io.prometheus.write.v2"


@post(
    "/api/v1/write",
    status_code=204,
    request_max_body_size=LARGEST,
    opt={UNPACKS: True},
    include_in_schema=False,
)
async def write(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[None]:
    headers = dict(request.scope["headers"])
    kind = headers.get(b"content-type", b"")
    if kind.partition(b";")[0].strip() != _TYPE or _OTHER_MESSAGE in kind:
        raise UnsupportedMediaTypeError("remote write 1.0 is application/x-protobuf")
    if headers.get(b"content-encoding", b"snappy") != b"snappy":
        raise UnsupportedEncodingError("remote write 1.0 is packed with snappy")
    take = services.remote_write()
    if take is None:
        raise MonitoringOffError
    await take(await request.body())
    return Response(None, status_code=204)


ROUTES = (write,)
