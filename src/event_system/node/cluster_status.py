"""What a node tells of its cluster; one without others is a cluster of its own."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from event_system.cluster.agreement import uneven
from event_system.cluster.ports import Member, Thing, View
from event_system.delivery.lane import lag_of
from event_system.http.cluster_views import ClusterNode, ClusterStatus, Had
from event_system.kernel.clock import Clock, rfc3339
from event_system.node.core import Core
from event_system.node.duties import LANE, LISTENER, TASK, share_among, things_of
from event_system.node.node_settings import ROLES, NodeSettings
from event_system.node.stores import SECOND_US
from event_system.version import VERSION

ALONE = "alone"
"""The id of a node that shares its stores with no other."""


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """Tells of the cluster of a node that was made at `since_us` of its clock."""

    core: Core
    settings: NodeSettings
    clock: Clock
    since_us: int

    async def status(self) -> ClusterStatus:
        """The cluster at this moment. Raises `StorageError` where the database is away."""
        if (cluster := self.core.cluster) is None:
            me, view = ALONE, self._alone()
        else:
            membership = cluster.ownership.membership
            me, view = membership.id, await membership.look()
        nodes = [self._node(each, view) for each in [*view.members.values(), *view.gone]]
        subscriptions = self.core.dispatcher.subscriptions.items()
        return ClusterStatus(
            me,
            sorted(nodes, key=lambda node: (node.state != "live", node.name, node.id)),
            had([thing for thing, id_ in view.owners.items() if id_ not in view.members]),
            {name: subscription.lag() for name, subscription in sorted(subscriptions)},
        )

    def _alone(self) -> View:
        settings, core = self.settings, self.core
        member = Member(
            id=ALONE,
            name=settings.name or socket.gethostname(),
            address=settings.address or "",
            roles=frozenset(settings.roles),
            version=VERSION,
            entered_us=self.since_us,
            seen_us=self.clock.now_us(),
            clock_ahead_us=0,
            seconds=0.0,
        )
        things = things_of(core.dispatcher.everything, core.tasks())
        return View({ALONE: member}, dict.fromkeys(things, ALONE))

    def _node(self, member: Member, view: View) -> ClusterNode:
        things = [thing for thing, id_ in view.owners.items() if id_ == member.id]
        has = had(things)
        return ClusterNode(
            lanes=has.lanes,
            listeners=has.listeners,
            tasks=has.tasks,
            id=member.id,
            name=member.name,
            address=member.address,
            version=member.version,
            roles=sorted(member.roles & frozenset(ROLES)),
            state="live" if member.id in view.members and member.seconds >= 0 else "gone",
            since=rfc3339(member.entered_us),
            last_seen=rfc3339(member.seen_us),
            clock_offset=round(member.clock_ahead_us / SECOND_US, 3) + 0.0,  # no minus zero
            lag=self._lags(things, view),
        )

    def _lags(self, things: Collection[Thing], view: View) -> dict[str, int]:
        """By listener, of those of which there is something in things."""
        dispatcher = self.core.dispatcher
        share = share_among(things, dispatcher.everything.lanes, uneven(view))
        return {
            name: lag_of(lanes, dispatcher.routed, len(subscription.lanes))
            for name, subscription in sorted(dispatcher.subscriptions.items())
            if (lanes := subscription.within(share))
        }


def had(things: Iterable[Thing]) -> Had:
    """Things by their kind, in order."""
    kinds: dict[str, list[str]] = {LANE: [], LISTENER: [], TASK: []}
    for kind, name in things:
        kinds.setdefault(kind, []).append(name)
    return Had(sorted(map(int, kinds[LANE])), sorted(kinds[LISTENER]), sorted(kinds[TASK]))
