"""Puts the stacks up, loads them, and compares."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.harness import Run, free_port, median, node, process, scratch, wrk
from benchmarks.peers import ages

NAME = "peers"
QUIET_SECONDS = 1.0
Site = Callable[[Path], "Iterator[str]"]


def run(run: Run) -> None:
    sites = {
        "event-system": _ours,
        "JetStream": _jetstream,
        "Celery": _celery,
        "Dramatiq": _dramatiq,
    }
    handled: dict[str, list[float]] = {name: [] for name in sites}
    p99: dict[str, list[float]] = {name: [] for name in sites}
    for _ in range(run.rounds):
        for name, site in sites.items():
            with scratch() as directory, contextmanager(site)(directory) as url:
                started = time.perf_counter()
                wrk(url, "trigger.lua", 64, run.seconds)
                found = _wait_for_quiet(directory)
                spent = time.perf_counter() - started - QUIET_SECONDS
                handled[name].append(len(found) / spent)
                p99[name].append(found[int(len(found) * 0.99)] / 1000)
    for name in sites:
        run.figure(NAME, f"{name}: handled", median(handled[name]), "/s")
        run.figure(NAME, f"{name}: trigger to handled p99", median(p99[name]), "ms")
    best = max(median(handled[name]) for name in sites if name != "event-system")
    run.at_least(NAME, "handled / best peer", median(handled["event-system"]) / best, 5)
    least = min(median(p99[name]) for name in sites if name != "event-system")
    run.at_most(NAME, "our p99 against the best peer's", median(p99["event-system"]), least, "ms")


def _wait_for_quiet(directory: Path) -> list[int]:
    """All ages, once no more have come for a while."""
    file = directory / ages.FILE
    size, since = -1, time.perf_counter()
    while time.perf_counter() - since < QUIET_SECONDS:
        now = file.stat().st_size if file.exists() else 0
        if now != size:
            size, since = now, time.perf_counter()
        time.sleep(0.01)
    return ages.read(directory)


def _ours(directory: Path) -> Iterator[str]:
    with node(directory, listeners="peers/listeners.py") as at:
        yield at.url


def _jetstream(directory: Path) -> Iterator[str]:
    server, port = free_port(), free_port()
    config = directory / "nats.conf"
    config.write_text(
        f'listen: "127.0.0.1:{server}"\n'
        f'jetstream {{ store_dir: "{directory / "store"}" {_sync_option()} }}\n'
    )
    module = [sys.executable, "-m", "benchmarks.peers.jetstream"]
    address = f"nats://127.0.0.1:{server}"
    with ExitStack() as stack:
        stack.enter_context(process([_nats_server(), "-c", str(config)], wait_port=server))
        stack.enter_context(
            process([*module, "api", address, str(port)], cwd=directory, wait_port=port)
        )
        stack.enter_context(process([*module, "work", address, "0"], cwd=directory))
        yield f"http://127.0.0.1:{port}"


def _sync_option() -> str:
    """`sync_interval: always` where the server knows it (2.10 and later).

    An older one answers before the data is on disk, which only makes it faster.
    """
    text = subprocess.run([_nats_server(), "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"v(\d+)\.(\d+)", text.stdout)
    new = found is not None and (int(found[1]), int(found[2])) >= (2, 10)
    return ", sync_interval: always" if new else ""


def _nats_server() -> str:
    return shutil.which("nats-server") or "/usr/sbin/nats-server"


def _celery(directory: Path) -> Iterator[str]:
    worker = ["celery", "-A", "benchmarks.peers.tasks_celery", "worker"]
    options = [
        "--pool=solo",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
        "-lERROR",
    ]
    yield from _over_redis(directory, "tasks_celery", [*worker, *options])


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
