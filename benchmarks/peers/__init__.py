"""The same work on other stacks: HTTP in, a durable answer, one handler in a worker process.

What a 200 of each promises:

- event-system: the event is fsynced; the handler gets it at least once, in order per subject.
- JetStream (2.15, `sync_interval: always`): the publish is fsynced before its acknowledgement,
  for which the FastAPI route waits. The message id is deduplicated for two minutes.
- Taskiq and FastStream over JetStream: the same server and setting; nothing is deduplicated.
- Celery and Dramatiq over Redis (`appendfsync always`): Redis has fsynced the push before it
  answers the client, for which the FastAPI route waits. Nothing is deduplicated.
- Dramatiq over RabbitMQ: a persistent message in a durable classic queue; the broker confirms it
  once it has synced it, many at a time. Nothing is deduplicated.
- Procrastinate over PostgreSQL (`synchronous_commit = on`): a row is committed. Nothing is
  deduplicated.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks import ages
from benchmarks.harness import node, scratch, wait_for
from benchmarks.load import Load, faults_of, percentile, stored, wrk
from benchmarks.peers.stacks import STACKS
from benchmarks.report import Limit, Run

DRAIN_SECONDS = 120
SETTLE_SECONDS = 0.5
CONNECTIONS = 64
OURS = "event-system"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One stack under load."""

    load: Load
    age_p99_ms: float


def run(run: Run) -> None:
    found: dict[str, list[dict[str, Outcome]]] = {}
    for name, site in STACKS.items():
        sides = {OURS: partial(_ours, run), name: partial(_peer, run, site)}
        found[name] = run.rounds(sides)
        _report(run, name, found[name])
    rounds = [dict(zip(STACKS, turn, strict=True)) for turn in zip(*found.values(), strict=True)]
    faults = faults_of(o.load for turn in rounds for pair in turn.values() for o in pair.values())
    for what, unit, read, limit in (
        ("handled", "/s", _handled_s, Limit(at_least=5)),
        ("answer p99", "ms", _answer_p99, Limit(at_most=1)),
        ("trigger to handled p99", "ms", _age_p99, Limit(at_most=1)),
    ):
        # our side stands beside each peer; the pair that is hardest for us counts
        hardest = max if limit.at_most else min
        pairs = [
            hardest(
                ((read(pair[OURS]), read(pair[name])) for name, pair in turn.items()),
                key=lambda pair: pair[0] / pair[1],
            )
            for turn in rounds
        ]
        run.ratio(f"{what} / the best of them", pairs, unit, limit, faults)


def _handled_s(outcome: Outcome) -> float:
    return outcome.load.accepted / outcome.load.handled_in


def _answer_p99(outcome: Outcome) -> float:
    return outcome.load.p99_ms


def _age_p99(outcome: Outcome) -> float:
    return outcome.age_p99_ms


def _report(run: Run, name: str, rounds: list[dict[str, Outcome]]) -> None:
    """The pair side by side; the targets are those against the best of all peers."""
    faults = faults_of(outcome.load for r in rounds for outcome in r.values())
    columns: tuple[tuple[str, str, Callable[[Outcome], float]], ...] = (
        ("accepted", "/s", lambda o: o.load.per_second),
        ("handled", "/s", _handled_s),
        ("answer p99", "ms", _answer_p99),
        ("trigger to handled p99", "ms", _age_p99),
    )
    for what, unit, read in columns:
        pairs = [(read(r[OURS]), read(r[name])) for r in rounds]
        run.ratio(f"{what}: {OURS} / {name}", pairs, unit, faults=faults)


def _ours(run: Run) -> Outcome:
    with scratch() as directory, node(directory, listeners="ages") as at:
        return _outcome(directory, stored(at, lambda: _drive(run, at.url, directory)))


def _peer(run: Run, site: Callable[[Path], AbstractContextManager[str]]) -> Outcome:
    with scratch() as directory, site(directory) as url:
        return _outcome(directory, _drive(run, url, directory))


def _drive(run: Run, url: str, directory: Path) -> Load:
    started = time.perf_counter()
    load = wrk(url, CONNECTIONS, run.seconds)
    wait_for(lambda: ages.has(directory, load.accepted), DRAIN_SECONDS, every=0.005)
    return replace(load, handled_in=time.perf_counter() - started)


def _outcome(directory: Path, load: Load) -> Outcome:
    time.sleep(SETTLE_SECONDS)
    found = ages.read(directory)
    expected, spare = (load.stored, 0) if load.stored else (load.accepted, load.in_flight)
    if not 0 <= len(found) - expected <= spare:
        load = load.doubted(f"{expected} accepted, {len(found)} handled")
    return Outcome(load, percentile([us / 1000 for us in found], 0.99))
