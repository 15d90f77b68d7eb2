"""A lease that a task keeps renewing, and what is known of it between renewals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import sqlalchemy as sa

from event_system.kernel.errors import LeaseHeldError, LeaseLostError, StorageError
from event_system.kernel.tasks import end
from event_system.sql.leases import Holder, Leases, check_fence_sync

LEASE_SECONDS = 10.0
RENEW_SECONDS = 3.0
ATTEMPT_SECONDS = 1.5
RETRY_SECONDS = 0.5
MARGIN_SECONDS = 1.0
"""So long before the end of a lease that could not be renewed its holder stops what it does."""

_log = logging.getLogger(__name__)


class Tenure:
    """One node's hold on a lease. `epoch` is what its transactions are fenced with.

    It lapses where the server cannot be reached for nearly as long as the lease lasts, and is
    back once a renewal succeeds, unless another node has taken it meanwhile: then it is lost.
    """

    def __init__(self, leases: Leases, name: str, owner: str) -> None:
        self.name = name
        self.epoch = 0
        self.failure: str | None = None
        """Why the last renewal failed; None after one that succeeded."""
        self._leases = leases
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._until = 0.0
        self._holds = True
        self._changed: Callable[[bool], None] = lambda _holds: None
        self._renewing: asyncio.Task[None] | None = None
        self._lost: asyncio.Future[None] = self._loop.create_future()

    async def take(self) -> None:
        """Acquire the lease, and keep it from now on.

        A holder that does not renew is waited for, at most as long as its lease lasts. Raises
        `LeaseHeldError` with the name of one that does.
        """
        began = self._loop.time()
        found = await self._leases.acquire(self.name, self._owner, LEASE_SECONDS)
        while isinstance(found, Holder):
            left = found.seconds
            _log.info("waiting for the lease of %s, %.1f s at most", found.owner, left)
            await asyncio.sleep(min(RETRY_SECONDS, left))
            began = self._loop.time()
            found = await self._leases.acquire(self.name, self._owner, LEASE_SECONDS)
            if isinstance(found, Holder) and found.seconds > left:
                raise LeaseHeldError(f"{found.owner} is at work on this database")
        self.epoch = found
        self._until = began + LEASE_SECONDS
        self._renewing = self._loop.create_task(self._renew(), name="lease")

    def watch(self, changed: Callable[[bool], None]) -> None:
        """Call `changed` with False where it lapses or is lost, with True where it is back."""
        self._changed = changed

    async def lost(self) -> None:
        """Waits; raises `LeaseLostError` once another node has taken the lease."""
        await asyncio.shield(self._lost)

    def fence(self, connection: sa.Connection) -> None:
        """Raises `LeaseLostError` unless this is the node that may write; ends a transaction."""
        check_fence_sync(connection, self.name, self.epoch)

    async def release(self) -> None:
        """Stop renewing and let the next node have it at once. Idempotent."""
        if self._renewing is None:
            return
        await end(self._renewing)
        self._renewing = None
        try:
            await self._leases.release(self.name, self.epoch)
        except StorageError as error:
            _log.warning("the lease %r could not be released: %s", self.name, error)

    async def _renew(self) -> None:
        pause = RENEW_SECONDS
        while True:
            await asyncio.sleep(pause)
            began = self._loop.time()
            try:
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    await self._leases.renew(self.name, self.epoch, LEASE_SECONDS)
            except LeaseLostError as error:
                self.failure = str(error)
                self._set(holds=False)
                self._lost.set_exception(error)
                self._lost.exception()  # looked at: who does not wait for it need not know
                _log.error("%s", error)
                return
            except (StorageError, TimeoutError) as error:
                pause, self.failure = RETRY_SECONDS, str(error) or "no answer in time"
                if self._loop.time() > self._until - MARGIN_SECONDS:
                    self._set(holds=False, why=error)
            else:
                pause, self.failure = RENEW_SECONDS, None
                self._until = began + LEASE_SECONDS
                self._set(holds=True)

    def _set(self, *, holds: bool, why: BaseException | None = None) -> None:
        if holds == self._holds:
            return
        self._holds = holds
        if holds:
            _log.info("the lease %r is renewed again", self.name)
        elif why is not None:
            _log.warning("the lease %r could not be renewed: %s", self.name, why)
        self._changed(holds)
