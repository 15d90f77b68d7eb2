"""Single events over HTTP, durable before the answer, against servers that do less or the same.

- No-op route: the node's own protocol object answers a fixed body without any work.
- granian RSGI no-op: the fastest general Python server, answering a fixed body.
- Litestar + SQLAlchemy: the same route written by hand, one commit a request, SQLite with the same
  pragmas; three engines, of which the fastest of each round counts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.harness import node, process, scratch
from benchmarks.load import Load, faults_of, stored, wrk
from benchmarks.report import Limit, Run
from benchmarks.servers.litestar_plain import count_rows
from tools.ports import free_port

WARM_SECONDS = 1
ENGINES = {
    "threads": "sqlite3 in Litestar's threads (sync_to_thread)",
    "loop": "sqlite3 on the event loop",
    "aiosqlite": "aiosqlite",
}
NOOP_TARGETS = {64: 0.40, 400: 0.45}


@dataclass(frozen=True, slots=True)
class Site:
    """Measures one server at one number of connections."""

    run: Run
    connections: int

    def ours(self) -> Load:
        with scratch() as directory, node(directory) as at:
            self._load(at.url, WARM_SECONDS)
            return stored(at, lambda: self._load(at.url))

    def noop(self) -> Load:
        return self._server("noop")[1]

    def granian(self) -> Load:
        return self._server("granian_noop")[1]

    def litestar(self, engine: str) -> Load:
        with scratch() as directory:
            warm, load = self._server("litestar_plain", engine, str(directory))
            extra = count_rows(str(directory)) - warm.accepted - load.accepted
            if 0 <= extra <= warm.in_flight + load.in_flight:
                return load
            return load.doubted(f"the hand-written route stored {extra:+} events")

    def _server(self, module: str, *arguments: str) -> tuple[Load, Load]:
        """What the warm-up and the load saw."""
        port = free_port()
        command = [sys.executable, "-m", f"benchmarks.servers.{module}", str(port), *arguments]
        with process(command, wait_port=port):
            url = f"http://127.0.0.1:{port}"
            return self._load(url, WARM_SECONDS), self._load(url)

    def _load(self, url: str, seconds: int | None = None) -> Load:
        return wrk(url, self.connections, seconds or self.run.seconds)


def run(run: Run) -> None:
    for connections, target in NOOP_TARGETS.items():
        _against_noop(run, Site(run, connections), target)
    site = Site(run, 64)
    rounds = run.rounds({"ours": site.ours, "granian": site.granian})
    ours, granian = [r["ours"] for r in rounds], [r["granian"] for r in rounds]
    _ratio(run, "durable / granian RSGI no-op, 64 connections", ours, granian, 0.9)
    _against_litestar(run, site)


def _against_noop(run: Run, site: Site, target: float) -> None:
    rounds = run.rounds({"ours": site.ours, "noop": site.noop})
    ours, noop = [r["ours"] for r in rounds], [r["noop"] for r in rounds]
    at = f"{site.connections} connections"
    _ratio(run, f"durable / no-op route, {at}", ours, noop, target)
    faults = faults_of(ours)
    run.figure(f"durable answer, {at}, p50", [load.p50_ms for load in ours], "ms", faults)
    run.figure(f"durable answer, {at}, p99", [load.p99_ms for load in ours], "ms", faults)


def _against_litestar(run: Run, site: Site) -> None:
    """What counts is the fastest engine of each round."""
    sides: dict[str, Callable[[], Load]] = {"ours": site.ours}
    rounds = run.rounds(sides | {engine: partial(site.litestar, engine) for engine in ENGINES})
    for engine, name in ENGINES.items():
        loads = [r[engine] for r in rounds]
        what = f"Litestar + SQLAlchemy, {name}, 64 connections"
        run.figure(what, [load.per_second for load in loads], "/s", faults_of(loads))
    fastest = [max((r[e] for e in ENGINES), key=lambda load: load.per_second) for r in rounds]
    what = "durable / Litestar + SQLAlchemy, the fastest of the three"
    _ratio(run, what, [r["ours"] for r in rounds], fastest, 20)


def _ratio(run: Run, what: str, ours: list[Load], theirs: list[Load], target: float) -> None:
    rates = [(a.per_second, b.per_second) for a, b in zip(ours, theirs, strict=True)]
    run.ratio(what, rates, "/s", Limit(at_least=target), faults_of([*ours, *theirs]))
