"""One server, looked at now and then: within a time, and whatever happens to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from event_system.collectors.board import Board, Labels
from event_system.collectors.ports import Reader, Sample
from event_system.kernel.tasks import end
from event_system.metrics.manager import MetricsManager

LONGEST_TOLD = 200
_log = logging.getLogger(__name__)


class ServerCollector:
    """Puts what a server says onto the board. `collect` never raises for the server's sake.

    `up` names the figure that is 1 after a look that succeeded, else 0 and alone. `server` are
    the values of the board's own labels. One `collect` at a time.
    """

    def __init__(
        self, board: Board, reader: Reader, *, up: str, server: Labels, timeout: float
    ) -> None:
        self._board = board
        self._reader = reader
        self._up = up
        self._server = server
        self._timeout = timeout
        self._was_up: bool | None = None

    @property
    def name(self) -> str:
        """The server, as it may be shown."""
        return " ".join(self._server)

    async def collect(self, manager: MetricsManager) -> None:
        """Look once, for `timeout` seconds at most."""
        try:
            samples = await self._look()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - drivers fail in their own ways
            self._reader.abort()
            self._note(up=False, error=error)
            self._board.show(self._server, [Sample(self._up, 0)])
        else:
            self._note(up=True)
            self._board.show(self._server, [Sample(self._up, 1), *samples])

    async def _look(self) -> Sequence[Sample]:
        """As a task of its own: a driver may lose the cancellation of a plain timeout."""
        task = asyncio.ensure_future(self._reader.read())
        try:
            await asyncio.wait([task], timeout=self._timeout)
            if task.done():
                return task.result()
        finally:
            if not task.done():
                self._reader.abort()
                await end(task)
        raise TimeoutError(f"no answer within {self._timeout:g} s")

    async def close(self) -> None:
        """Leave the server; one that does not answer is left without a word."""
        closing = asyncio.ensure_future(self._reader.close())
        await asyncio.wait([closing], timeout=self._timeout)
        if not closing.done():
            self._reader.abort()
            await end(closing)

    def _note(self, *, up: bool, error: BaseException | None = None) -> None:
        """Log what has changed: the first failure, and that all is well again."""
        if up and self._was_up is False:
            _log.info("%s can be read again", self.name)
        elif not up and self._was_up is not False:
            told = f"{type(error).__name__}: {error}"[:LONGEST_TOLD]
            _log.warning("%s cannot be read, its metrics are left out: %s", self.name, told)
        self._was_up = up
