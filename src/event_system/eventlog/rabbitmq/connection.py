"""The way to the brokers: a connection on which records go out and come back, while it lasts."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import aiormq
from aiormq import spec
from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage
from aiormq.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelAccessRefused,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    InvalidFrameError,
    ProbableAuthenticationError,
)

from event_system.kernel.errors import (
    BackboneRefusedError,
    BackboneTooLargeError,
    BackboneUnreachableError,
)

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 5.0
CLOSE_SECONDS = 2.0
HEARTBEAT_SECONDS = 4
AHEAD = 32
"""Records that a broker sends before the first of them is taken."""

OFFSET = "x-stream-offset"
_PROPERTIES = spec.Basic.Properties(
    content_type="application/msgpack", app_id="event-system", delivery_mode=2
)


@dataclass(frozen=True, slots=True)
class Access:
    """Where the brokers are, and as whom to come."""

    urls: tuple[str, ...]
    user: str
    password: str
    tls: ssl.SSLContext | None = None


class Arrived(NamedTuple):
    """A record that has come in; its `position` in the stream, None where the queue is none."""

    position: int | None
    payload: bytes
    tag: int


class Session:
    """One connection to one broker, until the first `BackboneUnreachableError` of a method."""

    def __init__(self, connection: AbstractConnection, queue: str) -> None:
        self._connection = connection
        self._queue = queue
        self._arrived: deque[Arrived] = deque()
        self._came = asyncio.Event()
        self._is_over = False
        self._out: AbstractChannel
        self._in: AbstractChannel

    @property
    def is_open(self) -> bool:
        channels = (self._in, self._out)
        return not (self._is_over or any(channel.is_closed for channel in channels))

    async def begin(self, start: int | str) -> None:
        """Let records come in from a position on, or from that of `first` or `last`."""
        self._connection.closing.add_done_callback(self._over)
        self._out = await self._connection.channel(publisher_confirms=True)
        self._in = await self._connection.channel(publisher_confirms=False)
        self._in.closing.add_done_callback(self._over)
        self._in.on_consumer_cancel_callbacks.add(self._over)
        await self._in.basic_qos(prefetch_count=AHEAD)
        await self._in.basic_consume(self._queue, self._take, arguments={OFFSET: start})

    async def publish(self, payload: bytes) -> None:
        """Returns once the broker has confirmed it. Raises `BackboneTooLargeError`."""
        with translated():
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._out.basic_publish(
                    payload, routing_key=self._queue, mandatory=True, properties=_PROPERTIES
                )

    def arrived(self) -> Arrived | None:
        """The next record that has come in, if one has."""
        return self._arrived.popleft() if self._arrived else None

    async def next(self) -> Arrived:
        """The next record, waiting for it."""
        with translated():
            async with asyncio.timeout(ANSWER_SECONDS):
                while not self._arrived:
                    if not self.is_open:
                        raise ConnectionResetError("the connection is lost")
                    self._came.clear()
                    await self._came.wait()
        return self._arrived.popleft()

    async def taken(self, record: Arrived) -> None:
        """Let the broker send more in place of this record, and of all before it."""
        with translated():
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._in.basic_ack(record.tag, multiple=True, wait=False)

    async def close(self) -> None:
        self._is_over = True
        with suppress(AMQPError, OSError, TimeoutError, RuntimeError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.close()

    async def _take(self, message: DeliveredMessage) -> None:
        position = (message.header.properties.headers or {}).get(OFFSET)
        placed = position if isinstance(position, int) else None
        self._arrived.append(Arrived(placed, message.body, message.delivery_tag or 0))
        self._came.set()

    def _over(self, _: object) -> None:
        self._is_over = True
        self._came.set()


class Brokers:
    """Those of one cluster, tried one after the other. Raises `BackboneUnreachableError`.

    And `BackboneRefusedError` where they refuse this user.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        # It tells of each failure by itself, with a traceback; ours are told once, translated.
        logging.getLogger("aiormq").setLevel(logging.CRITICAL)

    async def declare(self, queue: str, arguments: Mapping[str, Any]) -> None:
        """Make a queue; it is well if one of just these arguments is there."""
        async with self._connected() as connection:
            channel = await connection.channel()
            await channel.queue_declare(queue, durable=True, arguments=dict(arguments))

    async def has(self, queue: str) -> bool:
        async with self._connected() as connection:
            channel = await connection.channel()
            try:
                await channel.queue_declare(queue, passive=True)
            except ChannelNotFoundEntity:
                return False
        return True

    async def session(self, queue: str, start: int | str) -> Session:
        """Of a queue whose records come in from a position on, or from `first` or `last`."""
        with translated():
            connection = await self._connect()
            session = Session(connection, queue)
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await session.begin(start)
            except BaseException:
                await asyncio.shield(session.close())
                raise
        return session

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AbstractConnection]:
        with translated():
            connection = await self._connect()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    yield connection
            finally:
                with suppress(AMQPError, OSError, RuntimeError):
                    await connection.close()

    async def _connect(self) -> AbstractConnection:
        *others, last = self._access.urls
        for url in others:
            with suppress(AMQPError, OSError, TimeoutError):
                return await self._to(url)
        return await self._to(last)

    async def _to(self, url: str) -> AbstractConnection:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await aiormq.connect(_with_user(url, self._access), context=self._access.tls)


def _with_user(url: str, access: Access) -> str:
    parts = urlsplit(url)
    who = f"{quote(access.user, safe='')}:{quote(access.password, safe='')}"
    options = f"heartbeat={HEARTBEAT_SECONDS}&name=event-system"
    return f"{parts.scheme}://{who}@{parts.netloc}{parts.path or '/'}?{options}"


@contextmanager
def translated() -> Iterator[None]:
    """What the client raises, as an error of ours."""
    try:
        yield
    except (ProbableAuthenticationError, AuthenticationError, ChannelAccessRefused) as error:
        raise BackboneRefusedError(
            f"the brokers refuse: {_told(error)}", where="backbone"
        ) from error
    except ChannelPreconditionFailed as error:
        if "message size" in (told := _told(error)):
            raise BackboneTooLargeError(f"the brokers refuse: {told}") from error
        raise BackboneRefusedError(f"the queue: {told}", where="backbone.stream") from error
    except InvalidFrameError as error:
        raise BackboneUnreachableError(
            f"the broker ends the connection: is there such a virtual host? {_told(error)}"
        ) from error
    except (AMQPError, OSError, TimeoutError, ChannelInvalidStateError) as error:
        raise BackboneUnreachableError(f"the backbone does not answer: {_told(error)}") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Not ours: the client cancels what waits for a connection that is lost.
        raise BackboneUnreachableError("the connection to the backbone is lost") from error


def _told(error: BaseException) -> str:
    return " ".join(map(str, error.args))[:300] or type(error).__name__
