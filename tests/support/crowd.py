"""Very many idle clients, in a process with file handles of its own.

`python -m tests.support.crowd PORT COUNT` connects, says on standard output how many are open,
and keeps them until its standard input ends. Every second one has asked something before.
"""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.waiting import PATIENCE_SECONDS

SPARE = 64
ASK = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"


@contextmanager
def crowd(port: int, count: int) -> Iterator[int]:
    """That many connections, or as many as this machine allows; how many there are."""
    command = [sys.executable, "-m", "tests.support.crowd", str(port), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.communicate()


def most() -> int:
    """How many connections a process can have here."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE


def main(port: int, count: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = []
    for number in range(min(count, most())):
        connection = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        if number % 2:
            connection.sendall(ASK)
            connection.recv(1024)
        connections.append(connection)
    sys.stdout.write(f"{len(connections)}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
