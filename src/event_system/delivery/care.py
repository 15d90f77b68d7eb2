"""Handling with care: what may end the process is shown first, or handled apart from its like.

What is about to be handled is shown where it is among the first events of what a node had that has
died: one of them may have been the cause. The next owner counts what was shown as an attempt.

Suspect is what was in hand when a process ended. The suspects of a process, whatever their listeners
and lanes, are handled in turn: the one that is to blame takes no other along again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Final, TypeAlias

from event_system.delivery.lane import Lane
from event_system.delivery.surroundings import Shared
from event_system.delivery.verdicts import is_suspect
from event_system.delivery.watch import Slot
from event_system.events.event import Event

WARY_EVENTS = 1000
"""Events of a forsaken lane that are handled with care.

Whoever had it can hardly have been further: it saved its cursors many times a second."""

TURN_SECONDS: Final = 2.0
"""So long a suspect is alone among its like; what ends a process mostly does so at once."""

Handling: TypeAlias = Callable[[Event, Slot, float], Awaitable[BaseException | None]]


def with_care(handle: Handling, lane: Lane, shared: Shared) -> Handling:
    """The same for events of a lane that is wary; their time counts from when they are shown."""

    async def handle_shown(event: Event, slot: Slot, _started: float) -> BaseException | None:
        await show(event, lane, slot, shared)
        return await handle(event, slot, shared.watch.monotonic())

    return handle_shown


async def show(event: Event, lane: Lane, slot: Slot, shared: Shared) -> None:
    """Let others know that it is in hand. Raises `StorageError`."""
    lane.wary = max(0, lane.wary - 1)
    slot.deadline = float("inf")
    await shared.board.show(lane.cell, event.offset)


def with_suspicion(handle: Handling, lane: Lane, shared: Shared) -> Handling:
    """The same for events of a lane that has failures: suspects wait for their turn.

    One that is handled is shown no more when the turn of the next one comes: else it would be
    charged with that one's deed, as its cursor may not be saved yet.
    """

    async def handle_in_turn(event: Event, slot: Slot, started: float) -> BaseException | None:
        if not is_suspect(lane.failed.get(event.offset)):
            return await handle(event, slot, started)
        async with in_turn(lane.cell, slot, shared):
            shared.cells[lane.cell] = event.offset
            error = await handle(event, slot, shared.watch.monotonic())
            shared.cells[lane.cell] = 0
            await shared.board.show(lane.cell, 0)
            return error

    return handle_in_turn


@asynccontextmanager
async def in_turn(cell: int, slot: Slot, shared: Shared) -> AsyncIterator[None]:
    """Wait for the turn of a suspect: this place on the board has nothing in hand meanwhile.

    The turn ends with the handling, or before it after `TURN_SECONDS`: slow handlers must not make
    a long line of what many of them had in hand.
    """
    shared.cells[cell] = 0
    slot.deadline = float("inf")
    await shared.suspects.acquire()
    turn = ExitStack()
    turn.callback(shared.suspects.release)
    late = shared.loop.call_later(TURN_SECONDS, turn.close)
    try:
        yield
    finally:
        late.cancel()
        turn.close()
