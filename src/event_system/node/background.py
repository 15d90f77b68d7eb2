"""A service in the background: who runs it, how it is started, how it ends.

The service holds a lock on its pid file as long as it lives, which the kernel releases however it
ends, and of which the kernel says who holds it. So a file that a killed process has left is never
taken for a running one, and no signal goes to a stranger who has got its number since.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from event_system.kernel.errors import ServiceError

POLL_SECONDS: Final = 0.05
LAST_LINES: Final = 5
LARGEST_NOTE: Final = 4096
FLOCK: Final = "hhqqi"
"""`struct flock` of Linux: kind, whence, start, length, process."""


@dataclass(frozen=True, slots=True)
class Running:
    """A service that runs. `address` is empty until it listens."""

    pid: int
    address: str


class PidFile:
    """The pid file of this process, which is the service. `close` at the end."""

    def __init__(self, path: Path) -> None:
        """Raises `ServiceError` where the service runs already, or the file cannot be written."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+")
        except OSError as error:
            raise ServiceError(f"{path} cannot be written: {error.strerror}") from error
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            held = error.errno in (errno.EACCES, errno.EAGAIN)
            why = "it runs already, says" if held else f"{error.strerror}:"
            raise ServiceError(f"{why} {path}") from error

    def tell(self, address: str) -> None:
        """Write down who runs, and where it listens."""
        self._file.seek(0)
        self._file.truncate()
        json.dump({"pid": os.getpid(), "address": address}, self._file)
        self._file.flush()

    def close(self) -> None:
        """Nothing runs any more. The file stays, empty: another one may have it open already."""
        with suppress(OSError):
            self._file.truncate(0)
        self._file.close()


def running(path: Path) -> Running | None:
    """Who holds the lock of a pid file; None where nobody does, whatever it says."""
    try:
        with path.open("r") as file:
            pid = _holder(file)
            return None if pid is None else Running(pid, _address(file, pid))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ServiceError(f"{path} cannot be read: {error.strerror}") from error


def start(command: Sequence[str], path: Path, log: Path, seconds: float) -> Running:
    """Run a command that makes a `PidFile` of this path, and wait until it listens.

    Raises `ServiceError` where it runs already, ends, or is not ready in time (it is ended then).
    """
    if (found := running(path)) is not None:
        raise ServiceError(f"it runs already, as process {found.pid}")
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        pid = _spawn(command, log)
    except OSError as error:
        raise ServiceError(f"it cannot be started: {error}") from error
    return _ready(pid, path, log, seconds)


def _spawn(command: Sequence[str], log: Path) -> int:
    """Not `subprocess`, whose processes are not to outlive who starts them."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        command[0],
        list(command),
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def _ready(pid: int, path: Path, log: Path, seconds: float) -> Running:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(pid, os.WNOHANG)[0]:
            raise ServiceError(f"it ended at once: {_end_of(log)}")
        found = running(path)
        if found is not None and found.pid == pid and found.address:
            return found
        time.sleep(POLL_SECONDS)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise ServiceError(f"it does not listen after {seconds:g} s and was ended; see {log}")


def stop(path: Path, seconds: float) -> Running | None:
    """End a service and wait for that; None where none runs. Raises `ServiceError`."""
    found = running(path)
    if found is None:
        return None
    try:
        handle = os.pidfd_open(found.pid)
    except OSError:  # it has just ended, or another one has begun
        return found
    try:
        again = running(path)
        if again is not None and again.pid == found.pid:  # so the handle is the service's
            signal.pidfd_send_signal(handle, signal.SIGTERM)
    except ProcessLookupError:
        return found
    except PermissionError as error:
        raise ServiceError(f"process {found.pid} belongs to somebody else") from error
    finally:
        os.close(handle)
    _await_end(path, found.pid, seconds)
    return found


def _await_end(path: Path, pid: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (found := running(path)) is not None and found.pid == pid:
        if time.monotonic() > deadline:
            raise ServiceError(f"process {pid} has not ended after {seconds:g} s")
        time.sleep(POLL_SECONDS)


def _holder(file: IO[str]) -> int | None:
    """The process that has the lock, without taking it; see fcntl(2), F_GETLK."""
    asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, pid = struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else int(pid)


def _address(file: IO[str], pid: int) -> str:
    """What that process has written down; empty where it has not yet."""
    try:
        told = json.loads(file.read(LARGEST_NOTE))
        return str(told["address"]) if told["pid"] == pid else ""
    except (ValueError, LookupError, TypeError):
        return ""


def _end_of(log: Path) -> str:
    with suppress(OSError):
        return " / ".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
    return f"see {log}"
