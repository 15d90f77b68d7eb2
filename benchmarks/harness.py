"""What all benchmarks share: processes, wrk, medians, and results with their targets."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
KEY = "esk_benchmark"
# A timeout is an answer after two seconds: slow, but an answer.
_SOCKET_ERRORS = re.compile(r"Socket errors: (?!connect 0, read 0, write 0)")
_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table. `target` is None where there is only a figure to know."""

    benchmark: str
    what: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None


@dataclass(slots=True)
class Run:
    """One whole run: how long each measurement takes, how often, and what came out."""

    quick: bool
    results: list[Result] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        return 3

    @property
    def seconds(self) -> int:
        return 3 if self.quick else 6

    def figure(self, benchmark: str, what: str, value: float, unit: str) -> None:
        self._add(Result(benchmark, what, value, unit))

    def at_least(
        self, benchmark: str, what: str, value: float, target: float, unit: str = "×"
    ) -> None:
        self._add(Result(benchmark, what, value, unit, f"≥ {target:g}", value >= target))

    def at_most(self, benchmark: str, what: str, value: float, target: float, unit: str) -> None:
        self._add(Result(benchmark, what, value, unit, f"≤ {target:g}", value <= target))

    def _add(self, result: Result) -> None:
        self.results.append(result)
        verdict = {None: "", True: "  met", False: "  MISSED"}[result.met]
        print(
            f"  {result.what}: {result.value:,.2f} {result.unit} {result.target}{verdict}",
            flush=True,
        )


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw. Times in milliseconds."""

    per_second: float
    p50_ms: float
    p99_ms: float


def wrk(url: str, script: str, connections: int, seconds: int, threads: int = 2) -> Load:
    """Closed-loop load; raises where any answer was no success."""
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}", "--latency"]
    command += ["-s", str(HERE / script), url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or _SOCKET_ERRORS.search(text):
        raise RuntimeError(f"the load failed:\n{text}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert rate is not None
    return Load(float(rate[1]), _percentile(text, "50%"), _percentile(text, "99%"))


def _percentile(text: str, name: str) -> float:
    found = re.search(rf"^\s+{name}\s+([\d.]+)(us|ms|s|m)\s*$", text, re.MULTILINE)
    assert found is not None
    return float(found[1]) * _UNITS_MS[found[2]]


def median(values: list[float]) -> float:
    return statistics.median(values)


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory on the disk of the work tree (not in memory), removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir=HERE.parent / ".build"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
                wait_for(lambda: child.poll() is not None or is_open(wait_port), 20)
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
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(holds: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError("waited in vain")
        time.sleep(0.002)


@contextmanager
def node(directory: Path, *, listeners: str | None = None, config: str = "") -> Iterator[Node]:
    """The product as its users run it, a key configured and metrics on."""
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
        command += ["--listeners", str(HERE / listeners)]
    with process(command, cwd=directory, wait_port=port) as child:
        yield Node(f"http://127.0.0.1:{port}", child.pid, directory)


@dataclass(frozen=True, slots=True)
class Node:
    """A running node."""

    url: str
    pid: int
    directory: Path

    def get(self, path: str) -> dict[str, object]:
        request = urllib.request.Request(self.url + path)
        request.add_header("Authorization", f"Bearer {KEY}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return dict(json.load(answer))

    def post(self, path: str, body: bytes, timeout: float = 60) -> dict[str, object]:
        request = urllib.request.Request(self.url + path, body, method="POST")
        request.add_header("Authorization", f"Bearer {KEY}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return dict(json.load(answer))

    def rss_mib(self) -> float:
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) / 1024

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
