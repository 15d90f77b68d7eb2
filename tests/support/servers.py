"""A PostgreSQL or MariaDB of a test's own, on a free port, to be stopped, killed, started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from event_system.sql.dsn import Dsn
from tests.support.waiting import PATIENCE_SECONDS, wait_until
from tools.ports import free_port

_OWNERS = {"postgresql": "postgres", "mariadb": "mysql"}


class PrivateServer:
    """A server whose data is in a folder of its own; `dsn` names an empty database on it."""

    def __init__(self, engine: str, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> Dsn:
        if self.engine == "postgresql":
            return Dsn("postgresql", "127.0.0.1", self.port, "postgres", "postgres")
        return Dsn("mysql", "127.0.0.1", self.port, "root", "events")

    def create(self) -> None:
        if self.engine == "postgresql":
            self._run(_postgres("initdb"), "-D", self._data, "-A", "trust", "-U", "postgres", "-N")
        else:
            self._run(
                "mariadb-install-db",
                f"--datadir={self._data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            )

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self.folder / "server.log").open("ab")
        self._process = subprocess.Popen(
            [*self._as_owner(), *self._command()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=self.folder,
        )
        log.close()
        wait_until(self._is_up)
        if self.engine == "mariadb":
            self._client("mysql", "CREATE DATABASE IF NOT EXISTS events")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT at once but in order, SIGKILL as a crash does."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.kill(self._pid(), signal.SIGTERM if self._is_gentle(how) else how)
        process.wait(PATIENCE_SECONDS)
        wait_until(lambda: not self._answers())

    def _is_gentle(self, how: signal.Signals) -> bool:
        return self.engine == "mariadb" and how == signal.SIGINT

    def _pid(self) -> int:
        name = "postmaster.pid" if self.engine == "postgresql" else "server.pid"
        return int((Path(self._data) / name).read_text().split()[0])

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _command(self) -> list[str]:
        if self.engine == "postgresql":
            place = ["-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder)]
            return [_postgres("postgres"), "-D", self._data, *place]
        return [
            shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin") or "mariadbd",
            "--no-defaults",
            f"--datadir={self._data}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            f"--socket={self.folder}/sock",
            f"--pid-file={self._data}/server.pid",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=16M",
        ]

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "server.log").read_text()
        return self._answers()

    def _answers(self) -> bool:
        if self.engine == "mariadb":
            return self._client("mysql", "SELECT 1", check=False) == 0
        command = [_postgres("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _client(self, database: str, statement: str, *, check: bool = True) -> int:
        command = ["mysql", "--no-defaults", "-h127.0.0.1", f"-P{self.port}", "-uroot"]
        done = subprocess.run(
            [*command, database, "-e", statement], check=check, capture_output=True
        )
        return done.returncode

    def _run(self, *command: str) -> None:
        subprocess.run(
            [*self._as_owner(), *command], check=True, capture_output=True, cwd=self.folder
        )

    def _as_owner(self) -> list[str]:
        """Both servers refuse to run as root."""
        return ["runuser", "-u", _OWNERS[self.engine], "--"] if os.geteuid() == 0 else []


@contextmanager
def private_server(engine: str) -> Iterator[PrivateServer]:
    """A running server; all of it is gone in the end."""
    folder = Path(mkdtemp(prefix="es-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _OWNERS[engine])
    server = PrivateServer(engine, folder)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def _postgres(program: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return str(found[-1]) if found else program
