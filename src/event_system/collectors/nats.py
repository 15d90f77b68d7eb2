"""NATS by its monitoring endpoints `/varz` and `/jsz`.

A stream is a queue that keeps messages; a consumer of one, called `stream/consumer`, is a queue
whose messages wait.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from event_system.collectors.flow import Flow
from event_system.collectors.ports import Sample
from event_system.collectors.queues import Queue, fullest, is_dead, samples_of
from event_system.collectors.web import WebReader, number

Json = Mapping[str, Any]
MAX_ACCOUNTS: Final = 16
_VARZ: Final = {
    "connections": "queue_server_connections",
    "max_connections": "queue_server_connections_max",
    "slow_consumers": "queue_server_slow_consumers_total",
}


class NatsReader:
    """Implements `Reader`. `dead` are patterns of the names of streams for dead letters."""

    def __init__(
        self, url: str, *, dead: Collection[str], timeout: float, monotonic: Callable[[], float]
    ) -> None:
        self._web = WebReader(url, timeout)
        self._dead = dead
        self._flow = Flow()
        self._monotonic = monotonic

    async def read(self) -> list[Sample]:
        server = await self._web.get("/varz", dict[str, Any])
        streams: dict[str, Any] = {}
        if server.get("jetstream"):
            streams = await self._web.get(
                "/jsz",
                dict[str, Any],
                accounts="true",
                streams="true",
                consumers="true",
                limit=MAX_ACCOUNTS,
            )
        queues = fullest(list(queues_of(streams, self._dead)))
        return [
            *server_samples(server, streams),
            *samples_of(queues, self._flow, self._monotonic()),
        ]

    def abort(self) -> None:
        """Nothing to do: the client drops the connection of a request that is cancelled."""

    async def close(self) -> None:
        await self._web.close()


def server_samples(server: Json, streams: Json) -> Iterator[Sample]:
    """The figures of the server itself."""
    at = (str(server.get("server_name", ""))[:200],)
    for key, figure in _VARZ.items():
        if (value := number(server.get(key))) is not None:
            yield Sample(figure, value)
    if (memory := number(server.get("mem"))) is not None:
        yield Sample("queue_server_memory_bytes", memory, at)
    config = streams.get("config")
    most = number(config.get("max_storage")) if isinstance(config, Mapping) else None
    used = number(streams.get("storage"))
    if most is not None and used is not None:
        yield Sample("queue_server_disk_free_bytes", max(0.0, most - used), at)


def queues_of(streams: Json, dead: Collection[str]) -> Iterator[Queue]:
    """All streams and their consumers in an answer of `/jsz`.

    The streams of the global account go by their own name, others by `account/stream`.
    """
    for account in _members(streams.get("account_details")):
        prefix = "" if account.get("name") == "$G" else f"{account.get('name')}/"
        for stream in _members(account.get("stream_detail")):
            name = f"{prefix}{stream.get('name', '')}"
            yield _stream(name, stream, dead)
            for consumer in _members(stream.get("consumer_detail")):
                yield _consumer(name, consumer)


def _stream(name: str, stream: Json, dead: Collection[str]) -> Queue:
    found = stream.get("state")
    state: Json = found if isinstance(found, Mapping) else {}
    return Queue(
        name=name,
        stored=number(state.get("messages")),
        stored_bytes=number(state.get("bytes")),
        published=number(state.get("last_seq")),
        is_dead=is_dead(name, dead),
    )


def _consumer(stream: str, consumer: Json) -> Queue:
    """`consumers` counts what asks for messages now: requests that wait, or a bound subscriber."""
    delivered = consumer.get("delivered")
    bound = consumer.get("push_bound") is True
    waiting = number(consumer.get("num_waiting")) or 0.0
    return Queue(
        name=f"{stream}/{consumer.get('name', '')}",
        depth=number(consumer.get("num_pending")),
        unacknowledged=number(consumer.get("num_ack_pending")),
        consumers=1.0 if bound else waiting,
        delivered=number(delivered.get("consumer_seq")) if isinstance(delivered, Mapping) else None,
        redelivering=number(consumer.get("num_redelivered")),
    )


def _members(value: Any) -> Iterable[Json]:
    """The objects of a list; nothing of what is none."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
