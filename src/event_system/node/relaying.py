"""What the node that has the task `operations` is asked for, asked by way of any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from event_system.http.app import AsgiApp
from event_system.http.relay import LINKS, Brought, Elsewhere, Passed, relaying, visitor
from event_system.incidents.visits import Visits
from event_system.kernel.clock import Clock
from event_system.node.core import Core
from event_system.node.duties import OPERATIONS
from event_system.node.operations import Operations

Identify: TypeAlias = Callable[[Mapping[bytes, bytes]], str]


class Asks(Protocol):
    """See `client.relay.Relay`."""

    async def ask(
        self, address: str, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]: ...
    async def close(self) -> None: ...


class Relaying:
    """Finds the node, and asks it. `close` at the end."""

    def __init__(
        self,
        core: Core,
        identify: Identify,
        operations: Callable[[], Operations | None],
        clock: Clock,
    ) -> None:
        self._core = core
        self._identify = identify
        self._operations = operations
        self._clock = clock
        self._visits = Visits()
        self._relay: Asks | None = None

    def around(self, app: AsgiApp, here: AsgiApp) -> AsgiApp:
        """`app`, with what another node does; what this one does is answered by `here`."""
        return relaying(app, here, self.elsewhere, self._admit, self._ask)

    def elsewhere(self) -> Elsewhere | None:
        """Where it is done; None where that is here, as it is without other nodes."""
        operations, cluster = self._operations(), self._core.cluster
        if cluster is None or (operations is not None and operations.runs):
            return None
        view = cluster.ownership.view
        owner = view.owners.get(OPERATIONS)
        if owner == cluster.ownership.membership.id:  # it is just beginning here, or ending
            return Elsewhere()
        member = None if owner is None else view.members.get(owner)
        return Elsewhere() if member is None else Elsewhere(member.name, member.address)

    def _admit(self, scope: Mapping[str, Any]) -> None:
        if scope["path"].startswith(LINKS):
            self._visits.count(visitor(scope), self._clock.monotonic())
        else:
            self._identify(dict(scope["headers"]))

    async def _ask(self, address: str, passed: Passed) -> Brought:
        method, target = passed.method, passed.target
        if self._relay is None:
            from event_system.client.relay import Relay  # loads httpx, and most nodes ask nobody

            self._relay = Relay()
        return Brought(*await self._relay.ask(address, method, target, passed.headers, passed.body))

    async def close(self) -> None:
        if self._relay is not None:
            await self._relay.close()
