"""The stores of a node, opened: the log, the state and the catalogue, wherever they are.

`embedded_stores` opens files of a data directory; `server_stores.py` opens the tables of
a database server. `Core` is handed the bundle and knows nothing of where it came from.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from event_system.cluster.clock import ClusterClock
from event_system.cluster.ownership import Ownership
from event_system.database.board import MappedBoard
from event_system.database.sqlite.catalogue import SqliteCatalogue
from event_system.database.sqlite.records import SqliteRecords
from event_system.database.sqlite.state import StateDatabase
from event_system.delivery.board import Board
from event_system.delivery.ports import CursorStore, ListenerStore, PauseStore
from event_system.eventlog.retention import Retention, RetentionSettings
from event_system.eventlog.sqlite.log import LogSettings, SqliteEventLog
from event_system.eventlog.sqlite.retention import SqliteOld
from event_system.events.ports import CatalogueStore, Commit, EventLog, History, Holds
from event_system.kernel.clock import Clock
from event_system.kernel.records import Records
from event_system.metrics.manager import MetricsManager
from event_system.metrics.queries import QueryTally
from event_system.node.settings import EventSettings
from event_system.scheduling.ports import DelayedStore, KeptSchedule, ScheduleStore

SECOND_US = 1_000_000
_log = logging.getLogger(__name__)


class NodeLog(EventLog, Protocol):
    """A log that a node may own: with its history, and what is to happen later."""

    @property
    def lanes(self) -> int:
        """How many lanes there are; fixed when the log was made."""

    @property
    def identity(self) -> int:
        """A number that no other log has."""

    @property
    def last_received_us(self) -> int:
        """When the newest event was received, as of the opening; 0 where there is none."""

    @property
    def failure(self) -> str | None:
        """Why the last commit failed; None after one that succeeded."""

    @property
    def harm(self) -> str | None:
        """What is not as it should be, though events are stored; None where nothing is."""

    @property
    def history(self) -> History: ...

    @property
    def delayed(self) -> DelayedStore: ...

    @property
    def schedules(self) -> ScheduleStore: ...

    def find_duplicates_for(self, window_us: int) -> None:
        """From now on the same (source, id) within this time is the same event."""

    def start(self) -> None:
        """Take events, and tell of commits from now on."""

    async def flush(self) -> None:
        """Wait until everything submitted so far is durable and told."""


class NodeState(CursorStore, Protocol):
    """Cursors and failures, and what operators asked for."""

    @property
    def pauses(self) -> PauseStore: ...

    @property
    def known(self) -> ListenerStore: ...


class Sweeper(Protocol):
    """Deletes old events."""

    def change(self, settings: RetentionSettings) -> None:
        """Take over settings, and sweep now."""

    async def run(self) -> None:
        """Until cancelled."""

    async def sweep(self) -> int:
        """Delete what may go now; how many events went."""


class Elsewhere(Protocol):
    """What other nodes may have changed, asked for again."""

    async def schedules(self) -> Sequence[KeptSchedule]: ...
    async def waiting(self) -> tuple[int, int | None]:
        """How many delayed events wait, and when the first is due."""

    async def have_types_changed(self) -> bool:
        """Whether the catalogue is another since it was loaded last."""

    async def failures(self) -> None:
        """Count failures anew."""


class NodeRecords(Records, Protocol):
    """Records that a node opens, and closes at its end."""

    async def close(self) -> None:
        """Wait for what is being saved; nothing may be asked afterwards."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The other nodes at the same stores; `clock` is the one that all of them go by."""

    ownership: Ownership
    clock: ClusterClock
    elsewhere: Elsewhere
    roles: Collection[str]
    """This node's."""


@dataclass(slots=True)
class Told:
    """Passes commits on to whoever was set last: the log is opened before there is anybody."""

    to: Callable[[Commit, float], None] | None = None

    def __call__(self, commit: Commit, seconds: float) -> None:
        assert self.to is not None, "events are told once the log has been started"
        self.to(commit, seconds)


@dataclass(frozen=True, slots=True)
class Stores:
    """What a core is built on; `close` once nothing uses it any more.

    `clock` is the one that everything in them goes by.
    """

    clock: Clock
    log: NodeLog
    state: NodeState
    types: CatalogueStore
    board: Board
    told: Told
    sweeper: Callable[[Holds], Sweeper]
    watch: Callable[[MetricsManager], None]
    """Registers the metrics of what the stores are in."""
    close: Callable[[], Awaitable[None]]
    tally: QueryTally
    """What is asked of a database server; nothing where there is none."""
    open_records: Callable[[], NodeRecords]
    """Opens what alerting keeps. Raises `DamagedFileError`."""
    cluster: Cluster | None = None
    """None where no other node can be at the stores."""


def embedded_stores(
    directory: Path, settings: EventSettings, clock: Clock, loop: asyncio.AbstractEventLoop
) -> Stores:
    """Open the files of a data directory. Raises `DataDirectoryError` and `DamagedFileError`."""
    told = Told()
    log = SqliteEventLog(
        LogSettings(
            directory=directory,
            lanes=settings.lanes,
            dedupe_window_us=int(settings.dedupe_window.total_seconds() * SECOND_US),
        ),
        clock=clock,
        loop=loop,
        on_commit=told,
    )
    state = StateDatabase(directory)
    state.belong_to(log.identity)
    types = SqliteCatalogue(directory)
    if types.is_new and log.head:
        _log.warning("catalogue.db was missing: event types made over the API are unknown")

    async def close() -> None:
        await log.stop()
        await state.close()
        await types.close()

    return Stores(
        clock=clock,
        log=log,
        state=state,
        types=types,
        board=MappedBoard(directory),
        told=told,
        sweeper=lambda holds: Retention(
            SqliteOld(log), holds, now_us=clock.now_us, monotonic=clock.monotonic
        ),
        watch=lambda _manager: None,
        close=close,
        tally=QueryTally(),
        open_records=lambda: SqliteRecords(directory),
    )
