"""Processes of a measurement: the node, servers beside it, their directories and ports."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from tools.ports import free_port

HERE = Path(__file__).parent
KEY = "esk_benchmark"
START_SECONDS = 60
_TAKEN = re.compile(
    r'^http_requests_total\{route="/api/events/(?:trigger|batch)",status="200"\} (\S+)$',
    re.MULTILINE,
)


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory on the disk of the work tree (not in memory), removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir=HERE.parent / ".build"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def process(
    arguments: list[str],
    *,
    cwd: Path | None = None,
    wait_port: int = 0,
    variables: dict[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A child process, ended at the end. `wait_port`: yield once it listens there."""
    root = HERE.parent
    environment = {**os.environ, "PYTHONPATH": str(root), **(variables or {})}
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            arguments, cwd=cwd or root, stdout=log, stderr=log, env=environment
        )
        try:
            if wait_port:
                wait_for(lambda: child.poll() is not None or is_open(wait_port), START_SECONDS)
            if child.poll() is not None:
                log.seek(0)
                raise RuntimeError(f"{arguments[:4]} ended: {log.read()[-2000:].decode()}")
            yield child
        finally:
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(holds: Callable[[], bool], seconds: float, every: float = 0.002) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {seconds:g} s in vain")
        time.sleep(every)


@contextmanager
def node(
    directory: Path,
    *,
    listeners: str | None = None,
    config: str = "",
    variables: dict[str, str] | None = None,
    settled: bool = True,
) -> Iterator[Node]:
    """The product as its users run it, a key configured and metrics on.

    `listeners` is a module of `benchmarks/listeners`; `config` is YAML to add, `variables` are
    of the environment. A node has `settled` when what loads after it listens has been loaded.
    """
    from event_system.security.keys import hash_key

    directory.mkdir(exist_ok=True, parents=True)
    file = directory / "config.yaml"
    keys = f"security: {{api_keys: [{{name: bench, hash: '{hash_key(KEY)}'}}]}}\n"
    file.write_text(keys + "logging: {level: warn}\n" + config)
    port, metrics = free_port(), free_port()
    command = [sys.executable, "-m", "event_system.cli", "serve", "--config", str(file)]
    command += ["--data-dir", str(directory / "data"), "--port", str(port)]
    command += ["--metrics-port", str(metrics)]
    if listeners is not None:
        command += ["--listeners", str(HERE / "listeners" / f"{listeners}.py")]
    with process(command, cwd=directory, wait_port=port, variables=variables) as child:
        at = Node(port, metrics, child.pid, directory)
        if settled:
            wait_for(at.is_settled, START_SECONDS, every=0.05)
        yield at


@dataclass(frozen=True, slots=True)
class Node:
    """A running node."""

    port: int
    metrics_port: int
    pid: int
    directory: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def get(self, path: str) -> dict[str, Any]:
        with self.session() as session:
            return session.ask("GET", path)

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        with self.session() as session:
            return session.ask("POST", path, body)

    def is_settled(self) -> bool:
        """Whether the application and the time series, which load last, answer."""
        try:
            self.get("/api/v1/query?query=1")
        except HTTPException:
            return False
        return True

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One kept-alive connection."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            yield Session(connection)
        finally:
            connection.close()

    def head(self) -> int:
        """Offset of the newest event."""
        newest = self.get("/api/events?limit=1&fields=offset")["events"]
        return int(newest[0]["offset"]) if newest else 0

    def listener(self, name: str = "noop") -> dict[str, Any]:
        return self.get(f"/api/listeners/{name}")

    def accepted_requests(self) -> int:
        """Requests to the routes that take events which were answered 200, as the node counts."""
        connection = HTTPConnection("127.0.0.1", self.metrics_port, timeout=60)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return round(sum(map(float, _TAKEN.findall(text))))

    def rss_mib(self) -> float:
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) / 1024

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Session:
    """Requests over one connection."""

    connection: HTTPConnection

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The answer's JSON. Raises where the status is not of the 200s."""
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, content, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if not 200 <= answer.status < 300:
            raise HTTPException(f"{method} {path}: {answer.status} {text[:300].decode()}")
        return dict(json.loads(text)) if text else {}
