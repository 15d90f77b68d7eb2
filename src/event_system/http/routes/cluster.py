"""The nodes of the cluster, and what each of them has."""

from __future__ import annotations

from litestar import Response, get
from litestar.di import NamedDependency

from event_system.http.app import Services
from event_system.http.cluster_views import ClusterStatus
from event_system.http.openapi.answers import answers
from event_system.http.openapi.cluster_example import CLUSTER
from event_system.http.replies import json_reply
from event_system.kernel.errors import StorageError


@get(
    "/api/cluster",
    operation_id="getCluster",
    tags=["cluster"],
    summary="The nodes of the cluster",
    description=(
        "All nodes on the same database with the lanes, listeners and tasks that each of them has, "
        "and those that have gone within a day without leaving. What has changed over other nodes "
        "may be a second old. A node on a data directory of its own is a cluster of one."
    ),
    responses=answers(ClusterStatus, CLUSTER, StorageError),
)
async def cluster(services: NamedDependency[Services]) -> Response[bytes]:
    return json_reply(await services.cluster())


ROUTES = (cluster,)
