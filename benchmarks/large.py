"""Ten million stored events: start, memory, every kind of history page, ingest against empty.

Pages have 50 events, from either end of the history, and half of them continue the page before.
Times are random spans of the stored twelve hours, between a thousand events and an hour long. 20
types, a rare one (1 in 50,000), 40 sources and 100,000 subjects occur. Every page is checked.
A page by rare data ends when its time is over, mostly empty; what all pages through the whole
history take together is told beside it, and the same for data that never occurs.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.fill import (
    HOUR_US,
    LEVELS,
    RARE_EVERY,
    RARE_GUILD,
    RARE_TYPE,
    SOURCES,
    SUBJECTS,
    TYPES,
    Span,
    fill,
)
from benchmarks.harness import Node, Session, node, scratch
from benchmarks.load import Load, faults_of, percentile, stored, wrk
from benchmarks.report import ROUNDS, Limit, Run
from event_system.kernel.clock import rfc3339

PAGES = 300
LIMIT = 50
Query = dict[str, str]


def run(run: Run) -> None:
    count = run.scale(10_000_000, 300_000)
    with scratch() as directory:
        full = directory / "full"
        span = fill(full / "data", count)
        run.at_most("start to first accepted event", [_start(full) for _ in range(ROUNDS)], 2, "s")
        with node(full) as at:
            _pages(run, at, Asker(random.Random(2), span))
            run.at_most("memory (RSS) after all pages", [at.rss_mib()], 250, "MiB")
        _ingest(run, full)
    run.figure("events stored", [count], "")


def _start(directory: Path) -> float:
    started = time.perf_counter()
    with node(directory, settled=False) as at:
        at.post("/api/events/trigger", {"type": "player.login"})
        return time.perf_counter() - started


def _ingest(run: Run, full: Path) -> None:
    rounds = run.rounds({"full": lambda: _load(run, full), "empty": lambda: _empty(run)})
    rates = [(r["full"].per_second, r["empty"].per_second) for r in rounds]
    faults = faults_of(load for r in rounds for load in r.values())
    run.ratio("ingest / ingest into an empty directory", rates, "/s", Limit(at_least=0.8), faults)


def _empty(run: Run) -> Load:
    with scratch() as directory:
        return _load(run, directory)


def _load(run: Run, directory: Path) -> Load:
    with node(directory) as at:
        wrk(at.url, 64, 1)
        return stored(at, lambda: wrk(at.url, 64, run.seconds))


@dataclass(frozen=True, slots=True)
class Asker:
    """Makes queries for things that are there, at random positions of the stored span."""

    chosen: random.Random
    span: Span

    def type(self) -> Query:
        return {"type": self.chosen.choice(TYPES)}

    def rare_type(self) -> Query:
        return {"type": RARE_TYPE}

    def subject(self) -> Query:
        return {"subject": f"player-{self.chosen.randrange(SUBJECTS)}"}

    def source(self) -> Query:
        return {"source": self.chosen.choice(SOURCES)}

    def time(self) -> Query:
        """Between about a thousand events and an hour of them."""
        span = self.span
        least = (span.until_us - span.since_us) * 1000 // span.count
        length = int(least * (max(1, HOUR_US / least) ** self.chosen.random()))
        since_us = self.chosen.randrange(span.since_us, span.until_us - length)
        return {"since": rfc3339(since_us), "until": rfc3339(since_us + length)}

    def data(self) -> Query:
        return {"where": f"data.level={self.chosen.randrange(LEVELS)}"}

    def rare_data(self) -> Query:
        return {"where": f"data.guild={RARE_GUILD.decode()}"}

    def either_end(self) -> Query:
        return {"order": self.chosen.choice(("newest", "oldest"))}

    def kinds(self) -> dict[str, Callable[[], Query]]:
        return {
            "type": self.type,
            "a rare type": self.rare_type,
            "subject": self.subject,
            "source": self.source,
            "time": self.time,
            "type and subject": lambda: self.type() | self.subject(),
            "type and source": lambda: self.type() | self.source(),
            "type and time": lambda: self.type() | self.time(),
            "subject and time": lambda: self.subject() | self.time(),
            "data (1 in 80)": self.data,
            "data (1 in 50,000)": self.rare_data,
        }


def _pages(run: Run, at: Node, asker: Asker) -> None:
    with at.session() as session:
        for kind, ask in asker.kinds().items():
            times, found = _times(session, ask, asker)
            times.sort()
            faults = [] if found else [f"no page by {kind} found anything"]
            run.at_most(
                f"history page by {kind}, p99 of {len(times)}",
                [percentile(times, 0.99)],
                *(20, "ms"),
                beside=f"p50 {percentile(times, 0.5):.2g} ms, {found / len(times):.0f} events a page",
                faults=faults,
            )
        _walks(run, session, asker.span.count)


def _walks(run: Run, session: Session, count: int) -> None:
    """All pages of a search that has to read everything: one by one, and with patience."""
    walks = {
        "rare data (1 in 50,000)": (RARE_GUILD.decode(), count // RARE_EVERY),
        "data that never occurs": ("nobody", 0),
    }
    for what, (guild, expected) in walks.items():
        for way, wait in (("page by page", 0), ("waiting up to 10 s a page", 10)):
            query = {"where": f"data.guild={guild}", "wait": str(wait)}
            started = time.perf_counter()
            pages, found = _walk(session, query)
            seconds = time.perf_counter() - started
            faults = [] if found == expected else [f"{found} of {expected} were found"]
            run.figure(f"all {what}, {way} ({pages} pages)", [seconds], "s", faults)


def _walk(session: Session, query: Query) -> tuple[int, int]:
    """Pages of a whole search, and the events in them."""
    pages = found = 0
    while True:
        page, _ = _timed(session, query)
        pages += 1
        found += len(page["events"])
        if page["next"] is None:
            return pages, found
        query = query | {"cursor": page["next"]}


def _times(session: Session, ask: Callable[[], Query], asker: Asker) -> tuple[list[float], int]:
    """Milliseconds of each page, half of them the page after another; events found."""
    times: list[float] = []
    found = 0
    while len(times) < PAGES:
        query = ask() | asker.either_end()
        for _ in range(2):
            page, spent = _timed(session, query)
            _check(page, query)
            times.append(spent)
            found += len(page["events"])
            if page["next"] is None:
                break
            query |= {"cursor": page["next"]}
    return times, found


def _timed(session: Session, query: Query) -> tuple[dict[str, Any], float]:
    path = f"/api/events?{urlencode({'limit': str(LIMIT)} | query)}"
    started = time.perf_counter()
    page = session.ask("GET", path)
    return page, (time.perf_counter() - started) * 1000


def _check(page: dict[str, Any], query: Query) -> None:
    """Every event of the page is one that was asked for."""
    for event in page["events"]:
        for name in ("type", "subject", "source"):
            if name in query and event.get(name) != query[name]:
                raise RuntimeError(f"{query} found {event}")
        if not query.get("since", "") <= event["received_at"] < query.get("until", "9"):
            raise RuntimeError(f"{query} found {event}")
