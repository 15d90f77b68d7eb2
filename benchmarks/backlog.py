"""A million events wait for a listener: what it handles a second, against a short queue.

The listener is new in every round and begins at the beginning. Its rate is that of the first
20,000 events, without the first tenth; in the short queue they are all that there is. The node
stores in files, in PostgreSQL, in MariaDB.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import uvloop

from benchmarks import ages
from benchmarks.fill import HOUR_US, SLICE, Maker, fill
from benchmarks.harness import node, scratch, wait_for
from benchmarks.report import Limit, Run
from benchmarks.sql import SERVERS, fresh, log
from event_system.kernel.clock import SystemClock
from event_system.sql.database import Database
from event_system.sql.dsn import parse_dsn

SHORT = 20_000
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Store:
    """A stored backlog: the node's directory, and what its configuration says of the store."""

    directory: Path
    config: str = ""


def run(run: Run) -> None:
    long = run.scale(1_000_000, 100_000)
    for name in ("files", *SERVERS):
        with ExitStack() as opened:
            stores = {size: opened.enter_context(_stored(name, size)) for size in (SHORT, long)}
            rounds = run.rounds(
                {"long": partial(_rate, stores[long]), "short": partial(_rate, stores[SHORT])}
            )
        rates = [(r["long"], r["short"]) for r in rounds]
        title = f"{name}: handled with {long:,} waiting / with {SHORT:,}"
        run.ratio(title, rates, "events/s", Limit(at_least=0.8))


def _rate(store: Store) -> float:
    (store.directory / ages.FILE).unlink(missing_ok=True)
    variables = {"BENCH_LISTENER": f"round-{next(_numbers)}"}
    at = node(store.directory, listeners="backlog", config=store.config, variables=variables)
    with at:
        wait_for(lambda: ages.has(store.directory, SHORT), 120, 0.01)
    moments = ages.read(store.directory)[:SHORT]
    return (SHORT - SHORT // 10) / ((moments[-1] - moments[SHORT // 10]) / 1e6)


@contextmanager
def _stored(name: str, size: int) -> Iterator[Store]:
    with scratch() as directory:
        if name not in SERVERS:
            fill(directory / "data", size)
            yield Store(directory)
            return
        with fresh(name, str(size)) as address:
            uvloop.run(_fill(address, size))
            yield Store(directory, f"database: {{enabled: true, dsn: '{address}'}}\n")


async def _fill(address: str, size: int) -> None:
    database = await Database.open(parse_dsn(address))
    step_us = HOUR_US / size
    start_us = SystemClock().now_us() - HOUR_US
    maker = Maker()
    async with log(database) as write:
        for first in range(0, size, SLICE):
            rows = maker.rows(min(SLICE, size - first), int(start_us + first * step_us), step_us)
            await write(rows)
    await database.close()
