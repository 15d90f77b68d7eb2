"""NATS JetStream over a client's own connection: what an account may see of its streams.

For servers whose monitoring port is not at hand; `nats.py` knows more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, Final

from nats.aio.client import Client
from nats.js.api import ConsumerInfo, StreamInfo

from event_system.collectors.flow import Flow
from event_system.collectors.ports import Sample
from event_system.collectors.queues import Queue, fullest, is_dead, samples_of

MAX_STREAMS: Final = 64
"""Streams whose consumers are asked for."""


class JetstreamReader:
    """Implements `Reader` with one connection that stays open.

    `options` are those of nats-py's `connect`; `dead` are patterns of the names of streams for
    dead letters.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        *,
        dead: Collection[str],
        timeout: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._options = options
        self._dead = dead
        self._timeout = timeout
        self._monotonic = monotonic
        self._flow = Flow()
        self._client: Client | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    async def read(self) -> list[Sample]:
        client = await self._connected()
        stream = client.jetstream(timeout=self._timeout)
        found = (await stream.streams_info())[:MAX_STREAMS]
        queues = [_stream(info, self._dead) for info in found]
        for info in found:
            if info.state.consumer_count:
                name = str(info.config.name)
                queues += [_consumer(name, each) for each in await stream.consumers_info(name)]
        return list(samples_of(fullest(queues), self._flow, self._monotonic()))

    async def _connected(self) -> Client:
        client = self._client
        if client is None or not client.is_connected:
            self.abort()
            client = self._client = Client()
            await client.connect(
                **self._options,
                connect_timeout=max(1, round(self._timeout)),
                allow_reconnect=False,
                error_cb=_quietly,
            )
        return client

    def abort(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            leaving = asyncio.ensure_future(_left(client, self._timeout))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        self.abort()
        if self._leaving:
            await asyncio.wait(self._leaving)


async def _quietly(error: Exception) -> None:
    """What went wrong is told by whoever asks, once."""


async def _left(client: Client, timeout: float) -> None:
    with suppress(Exception):
        async with asyncio.timeout(timeout):
            await client.close()


def _stream(info: StreamInfo, dead: Collection[str]) -> Queue:
    name = str(info.config.name)
    return Queue(
        name=name,
        stored=float(info.state.messages),
        stored_bytes=float(info.state.bytes),
        published=float(info.state.last_seq),
        is_dead=is_dead(name, dead),
    )


def _consumer(stream: str, info: ConsumerInfo) -> Queue:
    bound = info.push_bound is True
    return Queue(
        name=f"{stream}/{info.name}",
        depth=_float(info.num_pending),
        unacknowledged=_float(info.num_ack_pending),
        consumers=1.0 if bound else float(info.num_waiting or 0),
        delivered=_float(info.delivered.consumer_seq if info.delivered else None),
        redelivering=_float(info.num_redelivered),
    )


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)
