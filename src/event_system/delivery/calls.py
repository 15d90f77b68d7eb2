"""How a handler is called: coroutines where they are, plain functions in threads of their own."""

from __future__ import annotations

import asyncio
import contextvars
import traceback
from collections.abc import Awaitable, Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeAlias

from event_system.events.listener import Listener
from event_system.kernel.errors import WorkerEndedError

Call: TypeAlias = Callable[..., Awaitable[Any]]
MAX_TRACEBACK = 4_000

_Job: TypeAlias = (
    "tuple[asyncio.Future[Any], contextvars.Context, Callable[..., Any], tuple[Any, ...]]"
)


class RemoteError(Exception):
    """An error of a handler in another process, as `describe` and `trace` told it there."""

    def __init__(self, error: str, traceback: str) -> None:
        super().__init__(error)
        self.error = error
        self.traceback = traceback


class HandlerThreads:
    """Threads of one listener, so that a hanging handler takes no other listener's.

    They are daemons: a handler that never returns does not keep the process from ending. A
    thread whose call was given up is not waited for; the next call gets another one.
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._name = name
        self._loop = loop
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads = 0
        self._idle = 0

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._idle == 0:
            self._threads += 1
            name = f"listener-{self._name}-{self._threads}"
            Thread(target=self._run, name=name, daemon=True).start()
        else:
            self._idle -= 1
        self._jobs.put((future, contextvars.copy_context(), function, args))
        return await future

    def close(self) -> None:
        """End the idle threads; busy ones end after their call."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _run(self) -> None:
        while job := self._jobs.get():
            future, context, function, args = job
            try:
                result, error = context.run(function, *args), None
            except BaseException as raised:  # noqa: BLE001 - handed to the caller
                result, error = None, raised
            try:
                self._loop.call_soon_threadsafe(self._finish, future, result, error)
            except RuntimeError:  # the loop has ended meanwhile
                return
            del job, future, context, function, args, result, error

    def _finish(
        self, future: asyncio.Future[Any], result: Any, error: BaseException | None
    ) -> None:
        self._idle += 1
        if future.done():
            return
        if error is None:
            future.set_result(result)
        elif isinstance(error, StopIteration):
            future.set_exception(RuntimeError("the listener raised StopIteration"))
        else:
            future.set_exception(error)


def prepare(
    listener: Listener, loop: asyncio.AbstractEventLoop
) -> tuple[Call, HandlerThreads | None]:
    """How to call this listener's handler, and the threads that it needs, if any."""
    if not listener.runs_in_thread:
        return listener.handler, None
    threads = HandlerThreads(listener.name, loop)
    handler = listener.handler

    async def call(*args: Any) -> Any:
        return await threads.call(handler, *args)

    return call, threads


def describe(error: BaseException) -> str:
    """The error in one line; a timeout of ours is a TimeoutError to its readers."""
    if isinstance(error, RemoteError):
        return error.error
    kind = "TimeoutError" if isinstance(error, TimeoutError) else type(error).__name__
    return _storable(f"{kind}: {_said(error)}"[:1000])


def trace(error: BaseException) -> str:
    """The traceback's text, its end where it is long; none where no handler raised it."""
    if isinstance(error, RemoteError):
        return error.traceback
    if isinstance(error, WorkerEndedError):
        return ""
    return _storable("".join(traceback.format_exception(error))[-MAX_TRACEBACK:])


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as another:  # noqa: BLE001 - what others wrote must not hold a lane up
        return f"<{type(another).__name__} when it was to be shown>"


def _storable(text: str) -> str:
    """Without halves of characters, which no store takes: a failure must not stop the saving."""
    return text.encode(errors="backslashreplace").decode()
