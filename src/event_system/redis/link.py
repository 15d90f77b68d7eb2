"""The way to a Redis server, and whether it answers.

What is asked while it does not answer fails at once: the first failure opens the circuit, and only
a look of the link itself, with longer and longer pauses, closes it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from event_system.kernel.chance import RandomBytes, fraction, system_random_bytes
from event_system.kernel.errors import RedisUnreachableError
from event_system.kernel.tasks import end
from event_system.redis.address import LinkSettings, place_of

LOOK_SECONDS = 1.0
"""How often an idle link looks whether the server is still there."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
PATIENCE_SECONDS = 1.0
"""What a look may take at least: it opens connections, which takes longer than calls."""
STEADY_SECONDS = 10.0
"""Up for this long, a link that fails begins with the shortest pause again."""
LATE = 1.5
"""By so many times its timeout a call is late where the loop itself was held up."""
MAX_LATE = 3
"""Calls in a row that may be late for that; then the server counts as away after all."""
FAILURES = (RedisError, OSError, TimeoutError)
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Link:
    """A server and its state. `start` before use, `close` at the end. Loop thread only.

    All keys begin with `prefix` in braces, so that a cluster keeps them in one slot and a script
    may use several. `operations` and `errors` count calls by their names.
    """

    def __init__(
        self, settings: LinkSettings, random_bytes: RandomBytes = system_random_bytes
    ) -> None:
        self.settings = settings
        self.place = place_of(settings.url)
        self.up = False
        self.operations: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.changed: list[Callable[[bool], None]] = []
        """Each is called with False where the server is lost, with True where it is back."""
        self._patience = max(PATIENCE_SECONDS, settings.timeout)
        self.pool: ConnectionPool = ConnectionPool.from_url(
            settings.url,
            max_connections=settings.pool_size + 2,  # one more looks, one more listens
            socket_timeout=self._patience,
            socket_connect_timeout=self._patience,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._places = asyncio.Semaphore(settings.pool_size)
        self.client: Redis = Redis(connection_pool=self.pool)
        self._random_bytes = random_bytes
        self._loop = asyncio.get_running_loop()
        self._late = 0
        self._pause = FIRST_PAUSE_SECONDS
        self._up_since = 0.0
        self._down = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    def key(self, *parts: object) -> str:
        """The key of these parts."""
        return ":".join((f"{{{self.settings.prefix}}}", *map(str, parts)))

    async def start(self) -> None:
        """Look once; a server that is away is looked for from now on."""
        self._set(await self._look())
        self._watching = self._loop.create_task(self._watch(), name="redis")

    async def close(self) -> None:
        if self._watching is not None:
            await end(self._watching)
        self.up = False
        await self.client.aclose()
        await self.pool.disconnect()

    async def call(self, name: str, work: Callable[[Redis], Awaitable[T]]) -> T:
        """What `work` gives, within `timeout`, once a connection is free, within as much again.

        Raises `RedisUnreachableError`. That too many ask at once does not open the circuit.
        """
        if not self.up:
            raise RedisUnreachableError(f"{self.place} does not answer", where="redis.url")
        self.operations[name] += 1
        await self._take_place(name)
        began = self._loop.time()
        try:
            async with asyncio.timeout(self.settings.timeout):
                found = await work(self.client)
        except FAILURES as error:
            self.errors[name] += 1
            if not self._is_own_fault(error, began):
                self._lose(error)
            raise RedisUnreachableError(
                f"{self.place}: {told(error)}", where="redis.url"
            ) from error
        finally:
            self._places.release()
        self._late = 0
        return found

    async def _take_place(self, name: str) -> None:
        if not self._places.locked():
            await self._places.acquire()  # at once
            return
        try:
            async with asyncio.timeout(self.settings.timeout):
                await self._places.acquire()
        except TimeoutError:
            self.errors[name] += 1
            text = f"{self.place}: all {self.settings.pool_size} connections are busy"
            raise RedisUnreachableError(text, where="redis.pool_size") from None

    def connections(self) -> dict[str, int]:
        """Connections by their state: idle, used."""
        (idle, _), (used, _) = self.pool.get_connection_count()
        return {"idle": idle, "used": used}

    # The circuit

    def _is_own_fault(self, error: BaseException, began: float) -> bool:
        """Whether the answer may well be there, and this loop was held up by something else."""
        waited = self._loop.time() - began
        if not isinstance(error, TimeoutError) or waited < LATE * self.settings.timeout:
            return False
        self._late += 1
        return self._late < MAX_LATE

    def _lose(self, error: BaseException) -> None:
        if not self.up:
            return
        steady = self._loop.time() - self._up_since > STEADY_SECONDS
        self._pause = FIRST_PAUSE_SECONDS if steady else self._longer()
        self._set(error)
        self._down.set()

    def _longer(self) -> float:
        return min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def _set(self, error: BaseException | None) -> None:
        """Take note of what a look has found: an error, or that all is well."""
        up = error is None
        if up:
            self._up_since = self._loop.time()
            _log.info("redis answers: %s", self.place)
        else:
            context = {"code": RedisUnreachableError.code, "server": self.place}
            text = "redis does not answer, this node goes on without it: %s"
            _log.warning(text, told(error), extra={"context": context})
        self.up = up
        for tell in self.changed:
            tell(up)

    async def _watch(self) -> None:
        while True:
            if self.up:
                await self._while_up()
            await asyncio.sleep(self._pause * (0.5 + fraction(self._random_bytes) / 2))
            if await self._look() is None:
                self._set(None)
            else:
                self._pause = self._longer()

    async def _while_up(self) -> None:
        self._down.clear()
        while self.up:
            try:
                await asyncio.wait_for(self._down.wait(), LOOK_SECONDS)
            except TimeoutError:
                if error := await self._look():
                    self._lose(error)

    async def _look(self) -> BaseException | None:
        """Write something: a server that is full or only a replica is of no use."""
        try:
            async with asyncio.timeout(self._patience):
                await self.client.set(self.key("look"), b"", px=60_000)
        except FAILURES as error:
            return error
        return None


def told(error: Any) -> str:
    """An error in words; a timeout has none of its own."""
    return str(error) or type(error).__name__
