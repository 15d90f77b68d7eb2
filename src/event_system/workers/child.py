"""A worker process's side of the pipe: calls handlers when the node says so, and tells the outcome."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TypeAlias

import msgspec

from event_system.delivery.calls import Call, describe, prepare, trace
from event_system.events.listener import Listener
from event_system.logs.context import bind_trace
from event_system.metrics.merging import Change, Changes
from event_system.workers.frames import (
    MAX_ORDER_BYTES,
    Begin,
    Cancel,
    Done,
    Failed,
    Frames,
    Level,
    Measured,
    Order,
    Ready,
    Report,
    Run,
    pack,
    read_order,
)
from event_system.workers.lines import SentLines

MEASURE_SECONDS = 0.2
"""How soon what a handler has counted is told: what a crash takes along."""
LABEL_CHARACTERS = 1000
PIECE_BYTES = 256 * 1024
AGAIN_SECONDS = 2.0
"""How often a module is tried again that could not be loaded."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The listeners that a process can call, and why it cannot call the others."""

    listeners: Mapping[str, Listener]
    broken: dict[str, str]


Load: TypeAlias = Callable[[Begin], Loaded]


async def serve(pipe: socket.socket, load: Load, changes: Changes) -> None:
    """Call handlers until the node closes its end of the pipe; `changes` are told meanwhile."""
    pipe.set_inheritable(False)
    outlet = Outlet(pipe)
    logging.getLogger().handlers[:] = [SentLines(outlet.send)]
    os.register_at_fork(after_in_child=outlet.close)
    loop = asyncio.get_running_loop()
    child = Child(outlet.send, load, loop, changes)
    await loop.create_unix_connection(lambda: child, sock=pipe.dup())
    await child.ended
    child.measure()


class Outlet:
    """Reports go out here, from any thread; who sends waits while the node does not read."""

    def __init__(self, pipe: socket.socket) -> None:
        pipe.setblocking(False)
        self._pipe = pipe
        self._lock = Lock()
        self._room = select.poll()
        self._room.register(pipe, select.POLLOUT)

    def send(self, report: Report) -> None:
        """Once this returns the node gets it, whatever becomes of this process."""
        left = memoryview(pack(report))
        with self._lock:
            while left:
                try:
                    left = left[self._pipe.send(left) :]
                except BlockingIOError:
                    self._room.poll()
                except OSError:  # the node is gone, and so will be this process
                    return

    def close(self) -> None:
        """In a process that a handler has forked off: what it logs is not for the node."""
        logging.getLogger().handlers.clear()
        self._lock = Lock()
        self._pipe.close()


class Child(asyncio.Protocol):
    """Takes orders. `ended` is done once the node has closed the pipe."""

    def __init__(
        self,
        send: Callable[[Report], None],
        load: Load,
        loop: asyncio.AbstractEventLoop,
        changes: Changes,
    ) -> None:
        self.ended = loop.create_future()
        self._send = send
        self._load = load
        self._loop = loop
        self._changes = changes
        self._measuring: asyncio.TimerHandle | None = None
        self._frames = Frames(MAX_ORDER_BYTES)
        self._calls: dict[str, Call] = {}
        self._in_threads: set[str] = set()
        self._running: dict[int, tuple[asyncio.Task[None], str]] = {}

    def data_received(self, data: bytes) -> None:
        for body in self._frames.feed(data):
            self._take(read_order(body))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _take(self, order: Order) -> None:
        match order:
            case Run():
                task = self._loop.create_task(self._run(order))
                self._running[order.number] = task, order.listener
            case Cancel():
                self._cancel(order.number)
            case Level():
                logging.getLogger().setLevel(order.level)
            case Begin():
                logging.getLogger().setLevel(order.level)
                self._load_listeners(order)

    def _load_listeners(self, begin: Begin) -> None:
        """Load what can be loaded, and try the rest again and again: a module may be mended."""
        loaded = self._load(begin)
        for name, listener in loaded.listeners.items():
            self._calls[name], threads = prepare(listener, self._loop)
            if threads is not None:
                self._in_threads.add(name)
        self._send(Ready(loaded.broken))
        if loaded.broken:
            homes = {name: home for name, home in begin.homes.items() if name in loaded.broken}
            rest = msgspec.structs.replace(begin, homes=homes)
            self._loop.call_later(AGAIN_SECONDS, self._load_listeners, rest)

    def _cancel(self, number: int) -> None:
        """A handler in a thread cannot be cancelled; the node waits for it, or ends the process."""
        if number in self._running:
            task, listener = self._running[number]
            if listener not in self._in_threads:
                task.cancel()

    async def _run(self, run: Run) -> None:
        bind_trace(run.event.traceparent)
        try:
            await self._calls[run.listener](run.event)
        except (Exception, SystemExit, asyncio.CancelledError) as error:  # noqa: BLE001 - it is told
            self._send(Failed(run.number, describe(error), trace(error)))
        else:
            self._send(Done(run.number))
        finally:
            del self._running[run.number]
            if self._measuring is None:
                self._measuring = self._loop.call_later(MEASURE_SECONDS, self.measure)

    def measure(self) -> None:
        """Tell what the metrics have grown by, in pieces that the node takes."""
        self._measuring = None
        piece: list[Change] = []
        size = 0
        for name, labels, value, counts in self._changes.take():
            cut = tuple(label[:LABEL_CHARACTERS] for label in labels)
            piece.append((name, cut, value, counts))
            size += 4 * (len(name) + sum(map(len, cut))) + 9 * (len(counts) + 2)
            if size > PIECE_BYTES:
                self._send(Measured(piece))
                piece, size = [], 0
        if piece:
            self._send(Measured(piece))
