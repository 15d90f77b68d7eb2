"""A node as its users run it: a process of its own, on free ports."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.support.waiting import PATIENCE_SECONDS
from tools.ports import free_port

CERTIFICATES = ssl.create_default_context()
"""For clients that are made again and again: each would read all authorities of the system anew."""


class NodeProcess:
    """`event-system serve` over a directory of its own; start it again after `kill`.

    `prefix` is a command that runs another one, such as `prlimit --nofile=128`.
    """

    def __init__(
        self,
        directory: Path,
        config: str = "",
        listeners: Iterable[Path] = (),
        options: Iterable[str] = (),
        prefix: Sequence[str] = (),
    ) -> None:
        self.prefix = prefix
        self.directory = directory
        self.data = directory / "data"
        self.config = directory / "config.yaml"
        self.config.write_text(config)
        self.listeners = list(listeners)
        self.options = list(options)
        self.port = 0
        self.metrics_port = 0
        self.log: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self._ready = threading.Event()
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> NodeProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.ended()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, port: int = 0) -> None:
        """Start, and wait until it listens; on a free port unless one is given.

        A free one may be given again to the next start: no connection takes it meanwhile.
        """
        self._ready.clear()
        self.port = 0
        arguments = [
            *self.prefix,
            sys.executable,
            "-m",
            "event_system.cli",
            "serve",
            "--config",
            str(self.config),
        ]
        arguments += ["--data-dir", str(self.data), "--port", str(port or free_port())]
        arguments += ["--metrics-port", "0"]
        for path in self.listeners:
            arguments += ["--listeners", str(path)]
        arguments += self.options
        self.process = subprocess.Popen(
            arguments,
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        streams = (self.process.stdout, self.process.stderr)
        self._readers = [threading.Thread(target=self._read, args=(s,)) for s in streams]
        for reader in self._readers:
            reader.start()
        if not self._ready.wait(PATIENCE_SECONDS) or self.port == 0:
            self.process.kill()
            self.ended()
            raise AssertionError("the node did not start:\n" + "\n".join(self.log[-50:]))

    def comes_to_listen(self) -> bool:
        """Start; False where it was killed before it listened."""
        try:
            self.start()
        except AssertionError:
            assert self.process is not None
            if self.process.returncode != -signal.SIGKILL:
                raise
            return False
        return True

    def _read(self, stream: Any) -> None:
        for line in stream:
            self.log.append(line.rstrip())
            if found := re.search(r"health +http://[^:]+:(\d+)/", line):
                self.port = int(found[1])
            if found := re.search(r"metrics +http://[^:]+:(\d+)/", line):
                self.metrics_port = int(found[1])
            if line.startswith("  data"):
                self._ready.set()
        stream.close()
        self._ready.set()  # it ended; `start` looks whether it ever listened

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.ended()

    def ended(self) -> int:
        """Wait for the end, and for the last lines of the log."""
        assert self.process is not None
        code = self.process.wait(PATIENCE_SECONDS)
        for reader in self._readers:
            reader.join()
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End as an operator does; the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.ended()

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def client(self, **options: Any) -> httpx.Client:
        options = {"timeout": PATIENCE_SECONDS, "verify": CERTIFICATES, **options}
        return httpx.Client(base_url=self.url, **options)

    def raw(self, data: bytes, seconds: float = PATIENCE_SECONDS) -> bytes:
        """Send bytes as they are; everything that comes back until the node closes."""
        with socket.create_connection(("127.0.0.1", self.port), seconds) as connection:
            connection.sendall(data)
            return read_all(connection)

    def messages(self) -> list[dict[str, Any]]:
        """The node's log lines."""
        return [json.loads(line) for line in list(self.log) if line.startswith("{")]

    def metrics(self) -> dict[str, float]:
        """All samples by name, with their labels as they are written."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        text = httpx.get(url, timeout=PATIENCE_SECONDS, verify=CERTIFICATES).text
        samples = (line.rpartition(" ") for line in text.splitlines() if line[:1] != "#")
        return {name: float(value) for name, _, value in samples}

    def cpu_seconds(self) -> float:
        """Processor time that the process has used."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self) -> int:
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024


def run_command(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command of the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "event_system.cli", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        cwd=cwd,
    )


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side closes or resets."""
    received = b""
    while True:
        try:
            chunk = connection.recv(65536)
        except ConnectionResetError:
            return received
        if not chunk:
            return received
        received += chunk
