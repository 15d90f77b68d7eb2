"""A wire to a database server that can be cut, on threads: those who block use it too."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Literal, TypeAlias

Cut: TypeAlias = Literal["before", "after"]


class Wire:
    """Stands before a server's port.

    `cut_commit` cuts the next connection that sends COMMIT after `mark` went over it: before the
    server gets it, or after the server has answered. While it is `down` nobody gets through.
    """

    def __init__(self, port: int, mark: bytes) -> None:
        self.down = False
        self.cut_commit: Cut | None = None
        self.cuts = 0
        self._server_port = port
        self._mark = mark
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End all connections."""
        for pair in self._pairs:
            _end(pair)
        self._pairs.clear()

    def _start(self, work: object, *arguments: object) -> None:
        assert callable(work)
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.down:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._server_port))
                pair = client, server
                self._pairs.append(pair)
                self._start(self._to_server, pair)
                self._start(self._to_client, pair)

    def _to_server(self, pair: tuple[socket.socket, socket.socket]) -> None:
        client, server = pair
        marked = False
        with suppress(OSError):
            while data := client.recv(65_536):
                marked = marked or self._mark in data
                if marked and self.cut_commit and b"COMMIT" in data:
                    self._cut_at_commit(data, pair)
                    return
                server.sendall(data)
        _end(pair)

    def _cut_at_commit(self, data: bytes, pair: tuple[socket.socket, socket.socket]) -> None:
        how, self.cut_commit = self.cut_commit, None
        client, server = pair
        client.shutdown(socket.SHUT_WR)
        if how == "after":
            server.sendall(data)
            with suppress(OSError):
                client.recv(1)  # until the client has given up; the answer is never passed on
        self.cuts += 1
        _end(pair)

    def _to_client(self, pair: tuple[socket.socket, socket.socket]) -> None:
        client, server = pair
        with suppress(OSError):
            while data := server.recv(65_536):
                client.sendall(data)
        _end(pair)


def _end(pair: tuple[socket.socket, socket.socket]) -> None:
    for each in pair:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
