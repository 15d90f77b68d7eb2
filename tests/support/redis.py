"""Redis servers for tests: keys of a test's own on the shared one, and private ones to be killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import mkdtemp

from event_system.redis.address import LinkSettings
from event_system.redis.link import Link
from tests.support.waiting import PATIENCE_SECONDS, until, wait_until
from tools.ports import free_port

SHARED = "redis://127.0.0.1:6379/0"


def own_prefix() -> str:
    return f"test-{os.urandom(8).hex()}"


@asynccontextmanager
async def linked(
    url: str = SHARED, prefix: str = "", timeout: float = 5.0, *, is_there: bool = True
) -> AsyncIterator[Link]:
    """A started link with keys of its own, which are gone in the end."""
    link = Link(LinkSettings(url, prefix or own_prefix(), 4, timeout))
    await link.start()
    try:
        if is_there:
            await until(lambda: link.up)
        yield link
    finally:
        if link.up:
            async for key in link.client.scan_iter(f"{link.key()}*", count=1000):
                await link.client.delete(key)
        await link.close()


class PrivateRedis:
    """A server that keeps nothing, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [
            shutil.which("redis-server") or "/usr/bin/redis-server",
            "--port",
            str(self.port),
        ]
        command += ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder
            )
        wait_until(self._answers)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "redis.log").read_text()
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(100).startswith(b"+PONG")
        except OSError:
            return False

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(PATIENCE_SECONDS)

    def freeze(self) -> None:
        """Let it keep its connections and say nothing, until `thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # its threads go on for a moment

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def private_redis() -> Iterator[PrivateRedis]:
    """A running server; all of it is gone in the end."""
    folder = Path(mkdtemp(prefix="es-redis-"))
    server = PrivateRedis(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
