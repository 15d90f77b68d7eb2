"""What subscriptions have in common: settings, log, clock, and where they report to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from event_system.delivery.board import Board, Cells
from event_system.delivery.lane import Lane
from event_system.delivery.ports import Failure, Source
from event_system.delivery.statistics import Observer
from event_system.delivery.watch import Watch
from event_system.events.retry import Retry
from event_system.kernel.clock import CallLater


@dataclass(slots=True)
class DeliverySettings:
    """What an operator can change while the node runs."""

    async_workers: int = 4
    async_channel_size: int = 1000
    retry: Retry = field(default_factory=Retry)


@dataclass(frozen=True, slots=True)
class Shared:
    """What all subscriptions of a dispatcher use. `routed()` is the newest offset shown.

    `record` and `recovered` take failed deliveries and those that are so no more, to be saved
    with the cursors; `parked` takes failed ones that are saved already, `changed` a listener's
    name and a lane whose cursor has moved. `call_later` is for what is due by `now_us`.
    `random()` is even between 0 and 1. Whose turn it is among suspects holds `suspects`; see `care.py`.
    """

    log: Source
    watch: Watch
    loop: asyncio.AbstractEventLoop
    call_later: CallLater
    settings: DeliverySettings
    routed: Callable[[], int]
    now_us: Callable[[], int]
    observe: Observer
    record: Callable[[Failure], None]
    recovered: Callable[[str, int], None]
    parked: Callable[[Failure], None]
    changed: Callable[[str, Lane], None]
    board: Board
    random: Callable[[], float]
    full: Callable[[], None]
    bind_trace: Callable[[str | None], None]
    suspects: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def cells(self) -> Cells:
        """The board's cells, from the start of the subscriptions on."""
        return self.board.cells
