"""The same work on other stacks: HTTP in, a durable answer, one handler in a worker process.

What a 200 of each promises:

- event-system: the event is fsynced; the handler gets it at least once, in order per subject.
- JetStream (2.15, `sync_interval: always`): the publish is fsynced before its acknowledgement,
  for which the FastAPI route waits. The message id is deduplicated for two minutes.
- Celery and Dramatiq over Redis (`appendfsync always`): Redis has fsynced the push before it
  answers the client, for which the FastAPI route waits. Nothing is deduplicated.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks import ages
from benchmarks.harness import free_port, node, process, scratch, wait_for
from benchmarks.load import Load, faults_of, percentile, stored, wrk
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
    peers = {"JetStream": _jetstream, "Celery": _celery, "Dramatiq": _dramatiq}
    found: dict[str, list[dict[str, Outcome]]] = {}
    for name, site in peers.items():
        sides = {OURS: partial(_ours, run), name: partial(_peer, run, site)}
        found[name] = run.rounds(sides)
        _report(run, name, found[name])
    rounds = [dict(zip(peers, turn, strict=True)) for turn in zip(*found.values(), strict=True)]
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


def _peer(run: Run, site: Callable[[Path], Iterator[str]]) -> Outcome:
    with scratch() as directory, contextmanager(site)(directory) as url:
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


def _jetstream(directory: Path) -> Iterator[str]:
    server, port = free_port(), free_port()
    config = directory / "nats.conf"
    store = directory / "store"
    config.write_text(
        f'listen: "127.0.0.1:{server}"\n'
        f'jetstream {{ store_dir: "{store}", sync_interval: always }}\n'
    )
    program = str(Path(sys.executable).parent / "nats-server")  # the package's, not the system's
    module = [sys.executable, "-m", "benchmarks.peers.jetstream"]
    address = f"nats://127.0.0.1:{server}"
    with ExitStack() as stack:
        stack.enter_context(process([program, "-c", str(config)], wait_port=server))
        stack.enter_context(
            process([*module, "api", address, str(port)], cwd=directory, wait_port=port)
        )
        stack.enter_context(process([*module, "work", address, "0"], cwd=directory))
        yield f"http://127.0.0.1:{port}"


def _celery(directory: Path) -> Iterator[str]:
    worker = ["celery", "-A", "benchmarks.peers.tasks_celery", "worker", "--pool=solo"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-lERROR"]
    yield from _over_redis(directory, "tasks_celery", [*worker, *quiet])


def _dramatiq(directory: Path) -> Iterator[str]:
    worker = ["dramatiq", "benchmarks.peers.tasks_dramatiq", "-p1", "-t8", "--skip-logging"]
    yield from _over_redis(directory, "tasks_dramatiq", worker)


def _over_redis(directory: Path, module: str, worker: list[str]) -> Iterator[str]:
    server, port = free_port(), free_port()
    redis = [shutil.which("redis-server") or "/usr/bin/redis-server", "--bind", "127.0.0.1"]
    redis += ["--port", str(server), "--dir", str(directory), "--appendonly", "yes"]
    redis += ["--appendfsync", "always", "--save", ""]
    variables = {"PEER_REDIS": f"redis://127.0.0.1:{server}/0"}
    api = [sys.executable, "-m", f"benchmarks.peers.{module}", str(port)]
    with ExitStack() as stack:
        stack.enter_context(process(redis, wait_port=server))
        stack.enter_context(process(api, cwd=directory, wait_port=port, variables=variables))
        command = [sys.executable, "-m", *worker]
        stack.enter_context(process(command, cwd=directory, variables=variables))
        time.sleep(3)  # the worker's own start
        yield f"http://127.0.0.1:{port}"
