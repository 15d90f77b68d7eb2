"""What the answer about the cluster contains."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

_Time = Annotated[str, Meta(description="RFC 3339, UTC, by the database's clock.")]
_Lag = Annotated[
    dict[str, int],
    Meta(description="Events not handled yet by listener; for those still in the log at most."),
]


class Had(Struct):
    """What one node at a time has."""

    lanes: Annotated[list[int], Meta(description="Lanes of all listeners that are no batch ones.")]
    listeners: Annotated[
        list[str],
        Meta(description="Listeners whose batches, replays and parked retries it has."),
    ]
    tasks: Annotated[
        list[str], Meta(description="`scheduling` (delayed events, schedules), `retention`.")
    ]


class ClusterNode(Had):
    """A node, and what it has."""

    id: Annotated[str, Meta(description="Another one each time that the node enters the cluster.")]
    name: str
    address: Annotated[str, Meta(description="`node.address`; empty where that is not set.")]
    version: str
    roles: list[str]
    state: Annotated[
        Literal["live", "gone"],
        Meta(description="`gone`: it has not been heard of for as long as its lease lasted."),
    ]
    since: _Time
    last_seen: _Time
    clock_offset: Annotated[
        float, Meta(description="Seconds that its machine's clock is ahead; below 0 behind.")
    ]
    lag: _Lag


class ClusterStatus(Struct):
    """All nodes, those that have gone last, and what none of them has at this moment."""

    node: Annotated[str, Meta(description="The id of the node that answers.")]
    nodes: list[ClusterNode]
    unowned: Had
    lag: _Lag
