"""Failed deliveries as operators see them, and what they do with dead letters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import Protocol, TypeAlias

import msgspec

from event_system.delivery.ports import (
    Failure,
    FailurePage,
    Place,
    RetryStore,
    Selection,
    Step,
)
from event_system.kernel.errors import CountChangedError

STEP = 2_000
"""Failures that one step looks at: a few milliseconds, between which all else goes on."""

StepOf: TypeAlias = Callable[[RetryStore, Selection, Place | None], Awaitable[Step]]


class Kept(Protocol):
    """A place where failures are kept."""

    @property
    def retries(self) -> RetryStore: ...

    async def failures_of(self, offset: int) -> list[Failure]: ...


class DeadLetters:
    """The failures of all listeners, wherever they are kept.

    `places` gives the places that may hold failures of a listener, or of any; `wake` is told
    when something of a listener, or of any, has become due. `requeued` and `discarded` count
    dead letters since the start.
    """

    def __init__(
        self,
        places: Callable[[str | None], Sequence[Kept]],
        wake: Callable[[str | None, int], None],
        now_us: Callable[[], int],
    ) -> None:
        self.requeued = 0
        self.discarded = 0
        self._places = places
        self._wake = wake
        self._now_us = now_us

    # Looking

    async def find(
        self, wanted: Selection, limit: int, after: Place | None, *, newest_first: bool
    ) -> FailurePage:
        """A page in the order of `Place`; it may be short though others follow."""
        pages = [
            await place.retries.find(wanted, limit, after, newest_first=newest_first)
            for place in self._places(wanted.listener)
        ]
        return merge(pages, limit, newest_first=newest_first)

    async def get(self, listener: str, offset: int) -> Failure | None:
        """The failed delivery of one event to one listener."""
        for place in self._places(listener):
            for failure in await place.failures_of(offset):
                if failure.listener == listener:
                    return failure
        return None

    async def count(self, wanted: Selection) -> int:
        """How many failures are meant."""
        return await self._each(wanted, lambda s, w, after: s.count(w, STEP, after))

    # Deciding

    async def requeue(self, wanted: Selection, expect: int | None = None) -> int:
        """Make dead letters due now, with all attempts before them; how many.

        Raises `CountChangedError` where there are not `expect` of them, and does nothing.
        """
        now_us = self._now_us()
        wanted = await self._checked(wanted, expect)
        done = await self._each(wanted, lambda s, w, after: s.requeue(w, now_us, STEP, after))
        self.requeued += done
        self._wake(wanted.listener, now_us)
        return done

    async def discard(self, wanted: Selection, expect: int | None = None) -> int:
        """Forget dead letters; how many. Raises as `requeue`."""
        wanted = await self._checked(wanted, expect)
        done = await self._each(wanted, lambda s, w, after: s.discard(w, STEP, after))
        self.discarded += done
        return done

    async def _checked(self, wanted: Selection, expect: int | None) -> Selection:
        """What is meant, without what becomes a dead letter from now on.

        Where the clock was set back, there are some already from what is now the future.
        """
        newest = await self.find(Selection(listener=wanted.listener), 1, None, newest_first=True)
        last_us = max([self._now_us(), *(failure.at_us for failure in newest.failures)])
        until_us = min(wanted.until_us, last_us + 1)
        wanted = msgspec.structs.replace(wanted, until_us=until_us)
        if expect is not None and (found := await self.count(wanted)) != expect:
            raise CountChangedError(f"there are {found} now, not {expect}", where="expect")
        return wanted

    async def _each(self, wanted: Selection, step_of: StepOf) -> int:
        number = 0
        for place in self._places(wanted.listener):
            step = await step_of(place.retries, wanted, None)
            number += step.number
            while step.next is not None:
                step = await step_of(place.retries, wanted, step.next)
                number += step.number
        return number


def place_of(failure: Failure) -> Place:
    return failure.at_us, failure.offset, failure.listener


def merge(pages: list[FailurePage], limit: int, *, newest_first: bool) -> FailurePage:
    """One page of several; nothing is shown beyond the place up to which all have looked."""
    looked = [page.next for page in pages if page.next is not None]
    horizon = (max if newest_first else min)(looked, default=None)
    found = sorted(
        (failure for page in pages for failure in page.failures),
        key=attrgetter("at_us", "offset", "listener"),
        reverse=newest_first,
    )
    if horizon is not None:
        found = [
            f for f in found if (place_of(f) >= horizon if newest_first else place_of(f) <= horizon)
        ]
    if len(found) > limit:
        return FailurePage(found[:limit], place_of(found[limit - 1]))
    return FailurePage(found, horizon)
