"""Many stored events, quickly: the product's own log in this process, without HTTP.

Every transaction of 8,000 rows is durable before the next one; duplicates are checked and the
index grows as in a node. Only the request, its checks and its decoding are left out, and the times
of receipt are made up.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from event_system.eventlog.sqlite.index import RUN_EVENTS
from event_system.eventlog.sqlite.log import LogSettings, SqliteEventLog
from event_system.eventlog.sqlite.schema import connect_reader
from event_system.events.event import Row
from event_system.events.ports import Appended
from event_system.kernel.clock import SystemClock
from event_system.kernel.lanes import id_key, lane_of, source_key, subject_key, type_key

LANES = 16
SLICE = 8000
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
COMMON = [f"player.{name}" for name in ("level_up", "login", "logout", "trade", "die")]
TYPES = [*COMMON, *(f"activity.kind{n}" for n in range(15))]
RARE_TYPE = "guild.disbanded"
RARE_GUILD = b"elm"
RARE_EVERY = 50_000
LEVELS = 80
DATA = b'{"level":%d,"class":"mage","zone":"north-7","xp":123456,"guild":"%b"}'
SOURCES = [f"game-server-{n}" for n in range(40)]
SUBJECTS = 100_000


@dataclass(frozen=True, slots=True)
class Span:
    """What was stored: how many events, received from when until when."""

    count: int
    since_us: int
    until_us: int


@dataclass(slots=True)
class Maker:
    """Makes rows as the node's own admission does: few types often, many subjects."""

    chosen: random.Random = field(default_factory=lambda: random.Random(1))
    made: int = 0

    def rows(self, count: int, start_us: int, step_us: float) -> list[Row]:
        """`count` rows, the first one received at `start_us`."""
        return [self._row(int(start_us + n * step_us)) for n in range(count)]

    def _row(self, received_us: int) -> Row:
        self.made += 1
        chosen = self.chosen
        id_, subject = f"{chosen.getrandbits(96):024x}", f"player-{chosen.randrange(SUBJECTS)}"
        type_ = TYPES[min(int(chosen.expovariate(0.4)), len(TYPES) - 1)]
        guild = b"ash"
        if self.made % RARE_EVERY == 0:
            type_, guild = RARE_TYPE, RARE_GUILD
        source = SOURCES[min(int(chosen.expovariate(0.2)), len(SOURCES) - 1)]
        key = subject_key(subject)
        keys = id_key(id_), key, type_key(type_), source_key(source), lane_of(key, LANES)
        data = DATA % (self.made % LEVELS, guild)
        times = received_us, received_us
        return (*keys, type_, source, id_, subject, *times, None, None, None, data)


def fill(data: Path, count: int, span_us: int = 12 * HOUR_US, ago_us: int = 0) -> Span:
    """Store `count` events in a data directory that no node uses, and wait for the index.

    They were received, evenly, over a span that ended `ago_us` before now.
    """
    started = time.perf_counter()
    span = uvloop.run(_fill(data, count, span_us, ago_us))
    print(f"  ({count:,} events stored and indexed in {time.perf_counter() - started:.0f} s)")
    return span


async def _fill(data: Path, count: int, span_us: int, ago_us: int) -> Span:
    clock = SystemClock()
    until_us = clock.now_us() - ago_us
    since_us, step_us = until_us - span_us, span_us / count
    log = SqliteEventLog(
        LogSettings(directory=data, lanes=LANES, dedupe_window_us=DAY_US),
        clock=clock,
        loop=asyncio.get_running_loop(),
        on_commit=lambda commit, seconds: None,
    )
    log.start()
    maker = Maker()
    for first in range(0, count, SLICE):
        rows = maker.rows(min(SLICE, count - first), int(since_us + first * step_us), step_us)
        await _append(log, rows)
    while log.head - _indexed_through(data) >= RUN_EVENTS:
        await asyncio.sleep(0.1)
    await log.stop()
    return Span(count, since_us, until_us)


def _indexed_through(data: Path) -> int:
    with closing(connect_reader(data)) as reader:
        return int(reader.execute("SELECT coalesce(max(last_offset), 0) FROM idx.runs").get)


async def _append(log: SqliteEventLog, rows: list[Row]) -> None:
    done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
    log.submit(rows, done.set_result)
    appended = await done
    if isinstance(appended, Exception):
        raise appended
    if min(appended) < 0:
        raise RuntimeError("the filling made an id twice")
