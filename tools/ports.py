"""Ports for servers that are about to start."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from pathlib import Path
from tempfile import gettempdir

LOWEST = 10_000
BLOCK = 200
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port that nobody listens on, and that nobody else is given until much later.

    It is below those that the system gives to connections: one of theirs could be taken by a
    connection before the server has started, or while it is down.
    """
    ports = _ports()
    for _ in range(BLOCK):
        port = next(ports)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise OSError(f"somebody listens on each of {BLOCK} ports")


@cache
def _ports() -> Iterator[int]:
    """Those of a block that is this process' own as long as it lives, over and over."""
    end = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    blocks = list(range(LOWEST, end - BLOCK + 1, BLOCK))
    secrets.SystemRandom().shuffle(blocks)
    folder = Path(gettempdir()) / f"event-system-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for first in blocks:
        claim = os.open(folder / str(first), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(claim)
            continue
        return cycle(range(first, first + BLOCK))
    raise OSError(f"other processes have all ports from {LOWEST} to {end}")
