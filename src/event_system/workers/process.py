"""One worker process, from its start to its end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence
from contextlib import suppress

from event_system.metrics.merging import Merged
from event_system.workers.frames import Begin
from event_system.workers.link import Link

END_SECONDS = 2.0
"""How long a process has to end by itself once it gets no more orders."""
LAST_WORDS_SECONDS = 1.0
"""How long what an ended process has said may take to be read."""


class WorkerProcess:
    """A running process, and the link to it."""

    def __init__(
        self, process: Process, begin: Begin, changed: Callable[[], None], merged: Merged | None
    ) -> None:
        loop = asyncio.get_running_loop()
        self.link = Link(begin, process.pid, loop, changed, self.kill, merged)
        self.killed_for: str | None = None
        self._process = process

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        begin: Begin,
        changed: Callable[[], None],
        merged: Merged | None = None,
    ) -> WorkerProcess:
        """Start an interpreter with this command and its end of the pipe. Raises `OSError`."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, *command, str(theirs.fileno())),
                    stdin=DEVNULL,
                    pass_fds=[theirs.fileno()],
                )
        except BaseException:
            ours.close()
            raise
        started = cls(process, begin, changed, merged)
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: started.link, sock=ours)
        return started

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self, why: str) -> None:
        """End it at once. Idempotent."""
        self.killed_for = self.killed_for or why
        with suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self, stopping: asyncio.Event) -> str:
        """Wait for its end, or, once it is to stop, bring that about. Tells how it ended."""
        link = self.link
        exit_ = asyncio.ensure_future(self._process.wait())
        others = [asyncio.ensure_future(each.wait()) for each in (link.closed, stopping)]
        await asyncio.wait([exit_, *others], return_when=asyncio.FIRST_COMPLETED)
        link.over = True
        if not exit_.done():
            link.finish()
            await asyncio.wait([exit_], timeout=END_SECONDS)
        if not exit_.done():
            self.kill("it did not end by itself")
        code = await exit_
        await asyncio.wait([others[0]], timeout=LAST_WORDS_SECONDS)
        for waiting in others:
            waiting.cancel()
        return self._told(code)

    def _told(self, code: int) -> str:
        if self.killed_for is not None:
            return f"was ended: {self.killed_for}"
        return f"was ended by {_signal(-code)}" if code < 0 else f"ended with exit code {code}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
