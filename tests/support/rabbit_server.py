"""A RabbitMQ of a test's own, on free ports, to be stopped, killed, started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from tests.support.waiting import PATIENCE_SECONDS, wait_until
from tools.ports import free_port

_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_GREETING = b"AMQP\x00\x00\x09\x01"


class RabbitServer:
    """One broker; its data stays where it is when it is killed.

    `config` are further lines of its configuration, `plugins` those to enable.
    """

    def __init__(self, folder: Path, config: str, plugins: str) -> None:
        self.port = free_port()
        self._folder = folder
        self._name = f"es{os.getpid()}x{self.port}@localhost"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n{config}\n"
        )
        (folder / "plugins").write_text(f"[{plugins}].\n")
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, "rabbitmq")

    @property
    def url(self) -> str:
        return f"amqp://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, without waiting until it answers. In a group: its children go with it."""
        folder = self._folder
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "logs"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2",
        }
        with (folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(_SERVER)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=environment,
                start_new_session=True,
                user="rabbitmq" if os.geteuid() == 0 else None,
            )

    def wait(self) -> None:
        """Until it speaks AMQP."""
        wait_until(self._answers)

    @property
    def log(self) -> str:
        return (self._folder / "server.log").read_text()

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it: SIGTERM in order, SIGKILL as a crash does."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        try:
            process.wait(PATIENCE_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _answers(self) -> bool:
        assert self._process is None or self._process.poll() is None, self.log
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as found:
            found.sendall(_GREETING)
            return found.recv(1) == b"\x01"
        return False


@contextmanager
def rabbit_server(config: str = "", plugins: str = "") -> Iterator[RabbitServer]:
    """A running broker; all of it is gone in the end."""
    folder = Path(mkdtemp(prefix="es-rabbit-"))
    server = RabbitServer(folder, config, plugins)
    try:
        server.start()
        server.wait()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
