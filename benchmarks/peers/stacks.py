"""The other stacks, each with servers of its own where that can be: a URL that takes events."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from benchmarks.harness import process
from tools.ports import free_port

WORKER_START_SECONDS = 3
RABBITMQ = "amqp://guest:guest@127.0.0.1:5672"
POSTGRESQL = "host=127.0.0.1 user=root"


@contextmanager
def jetstream(directory: Path) -> Iterator[str]:
    with _nats(directory) as address, ExitStack() as stack:
        port = free_port()
        module = [sys.executable, "-m", "benchmarks.peers.jetstream"]
        api = [*module, "api", address, str(port)]
        stack.enter_context(process(api, cwd=directory, wait_port=port))
        stack.enter_context(process([*module, "work", address, "0"], cwd=directory))
        yield f"http://127.0.0.1:{port}"


@contextmanager
def celery_redis(directory: Path) -> Iterator[str]:
    worker = ["celery", "-A", "benchmarks.peers.tasks_celery", "worker", "--pool=solo"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-lERROR"]
    with _redis(directory) as server:
        yield from _stack(directory, "tasks_celery", [*worker, *quiet], server)


@contextmanager
def dramatiq_redis(directory: Path) -> Iterator[str]:
    with _redis(directory) as server:
        yield from _stack(directory, "tasks_dramatiq", _DRAMATIQ, server)


@contextmanager
def dramatiq_rabbitmq(directory: Path) -> Iterator[str]:
    queue = f"bench-{uuid.uuid4().hex}"
    try:
        yield from _stack(directory, "tasks_dramatiq", _DRAMATIQ, RABBITMQ, queue)
    finally:
        for name in (queue, f"{queue}.DQ", f"{queue}.XQ"):
            subprocess.run(["rabbitmqctl", "-q", "delete_queue", name], check=False)


@contextmanager
def taskiq_nats(directory: Path) -> Iterator[str]:
    worker = ["taskiq", "worker", "benchmarks.peers.tasks_taskiq:broker", "--workers", "1"]
    with _nats(directory) as server:
        yield from _stack(directory, "tasks_taskiq", [*worker, "--log-level", "ERROR"], server)


@contextmanager
def procrastinate_postgresql(directory: Path) -> Iterator[str]:
    name = f"bench_{uuid.uuid4().hex}"
    module = "benchmarks.peers.tasks_procrastinate"
    server = f"{POSTGRESQL} dbname={name}"
    subprocess.run(["createdb", "-h", "127.0.0.1", "-U", "root", name], check=True)
    try:
        variables = {"PEER_SERVER": server}
        with process([sys.executable, "-m", module, "prepare"], variables=variables) as child:
            child.wait()
        yield from _stack(directory, "tasks_procrastinate", [module, "work"], server)
    finally:
        subprocess.run(["dropdb", "-h", "127.0.0.1", "-U", "root", "-f", name], check=False)


@contextmanager
def faststream_nats(directory: Path) -> Iterator[str]:
    worker = ["benchmarks.peers.stream_faststream", "work"]
    with _nats(directory) as server:
        yield from _stack(directory, "stream_faststream", worker, server)


STACKS: dict[str, Callable[[Path], AbstractContextManager[str]]] = {
    "JetStream": jetstream,
    "Celery + Redis": celery_redis,
    "Dramatiq + Redis": dramatiq_redis,
    "Dramatiq + RabbitMQ": dramatiq_rabbitmq,
    "Taskiq + NATS": taskiq_nats,
    "Procrastinate + PostgreSQL": procrastinate_postgresql,
    "FastStream + NATS": faststream_nats,
}

_DRAMATIQ = ["dramatiq", "benchmarks.peers.tasks_dramatiq", "-p1", "-t8", "--skip-logging"]


def _stack(
    directory: Path, module: str, worker: list[str], server: str, queue: str = ""
) -> Iterator[str]:
    port = free_port()
    variables = {"PEER_SERVER": server, "PEER_QUEUE": queue}
    api = [sys.executable, "-m", f"benchmarks.peers.{module}", str(port)]
    with ExitStack() as stack:
        stack.enter_context(process(api, cwd=directory, wait_port=port, variables=variables))
        command = [sys.executable, "-m", *worker]
        stack.enter_context(process(command, cwd=directory, variables=variables))
        time.sleep(WORKER_START_SECONDS)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _nats(directory: Path) -> Iterator[str]:
    server = free_port()
    config = directory / "nats.conf"
    config.write_text(
        f'listen: "127.0.0.1:{server}"\n'
        f'jetstream {{ store_dir: "{directory / "store"}", sync_interval: always }}\n'
    )
    program = str(Path(sys.executable).parent / "nats-server")  # the package's, not the system's
    with process([program, "-c", str(config)], wait_port=server):
        yield f"nats://127.0.0.1:{server}"


@contextmanager
def _redis(directory: Path) -> Iterator[str]:
    server = free_port()
    command = [shutil.which("redis-server") or "/usr/bin/redis-server", "--bind", "127.0.0.1"]
    command += ["--port", str(server), "--dir", str(directory), "--appendonly", "yes"]
    command += ["--appendfsync", "always", "--save", ""]
    with process(command, wait_port=server):
        yield f"redis://127.0.0.1:{server}/0"
