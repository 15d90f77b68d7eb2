"""RabbitMQ by its management API."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from event_system.collectors.flow import Flow
from event_system.collectors.ports import Sample
from event_system.collectors.queues import MAX_QUEUES, Queue, fullest, is_dead, samples_of
from event_system.collectors.web import WebReader, number

COLUMNS: Final = (
    "name,vhost,arguments,messages,messages_ready,messages_unacknowledged,message_bytes,consumers,"
    "message_stats.publish,message_stats.deliver_get,message_stats.redeliver"
)
NODE_COLUMNS: Final = (
    "name,running,uptime,mem_used,mem_limit,mem_alarm,disk_free,disk_free_limit,disk_free_alarm"
)
Json = Mapping[str, Any]


class RabbitmqReader:
    """Implements `Reader`. `dead` are patterns of the names of queues for dead letters."""

    def __init__(
        self, url: str, *, dead: Collection[str], timeout: float, monotonic: Callable[[], float]
    ) -> None:
        self._web = WebReader(url, timeout)
        self._dead = dead
        self._flow = Flow()
        self._monotonic = monotonic

    async def read(self) -> list[Sample]:
        overview = await self._web.get("/api/overview", dict[str, Any])
        nodes = await self._web.get("/api/nodes", list[dict[str, Any]], columns=NODE_COLUMNS)
        page = await self._web.get(
            "/api/queues",
            dict[str, Any],
            page=1,
            page_size=MAX_QUEUES,
            sort="messages",
            sort_reverse="true",
            columns=COLUMNS,
        )
        queues = fullest(queues_of(page.get("items", ()), self._dead))
        return [
            *totals(overview),
            *(sample for node in nodes for sample in node_samples(node)),
            *samples_of(queues, self._flow, self._monotonic()),
        ]

    def abort(self) -> None:
        """Nothing to do: the client drops the connection of a request that is cancelled."""

    async def close(self) -> None:
        await self._web.close()


def totals(overview: Json) -> Iterator[Sample]:
    """The figures of the whole broker."""
    objects = overview.get("object_totals")
    if isinstance(objects, Mapping):
        yield from _sample("queue_server_connections", objects.get("connections"))


def node_samples(node: Json) -> Iterator[Sample]:
    """The figures of one of its nodes. One that is down says nothing but its name."""
    at = (str(node.get("name", ""))[:200],)
    uptime_ms = number(node.get("uptime"))
    if uptime_ms is not None:
        yield Sample("queue_server_uptime_seconds", uptime_ms / 1000, at)
    yield from _sample("queue_server_memory_bytes", node.get("mem_used"), at)
    yield from _sample("queue_server_memory_max_bytes", node.get("mem_limit"), at)
    yield from _sample("queue_server_disk_free_bytes", node.get("disk_free"), at)
    yield from _sample("queue_server_disk_free_min_bytes", node.get("disk_free_limit"), at)
    yield Sample("queue_server_alarms", node.get("mem_alarm") is True, (*at, "memory"))
    yield Sample("queue_server_alarms", node.get("disk_free_alarm") is True, (*at, "disk"))
    yield Sample("queue_server_alarms", node.get("running") is not True, (*at, "down"))


def queues_of(items: Sequence[Json], dead: Collection[str]) -> list[Queue]:
    """The queues of an answer. Names are `queue`, or `vhost/queue` beside the vhost `/`."""
    targets = {_dead_target(item) for item in items} - {None}
    return [_queue(item, dead, targets) for item in items]


def _queue(item: Json, dead: Collection[str], targets: Collection[Any]) -> Queue:
    name, vhost = str(item.get("name", "")), str(item.get("vhost", "/"))
    statistics = item.get("message_stats")
    stats: Json = statistics if isinstance(statistics, Mapping) else {}
    return Queue(
        name=name if vhost == "/" else f"{vhost}/{name}",
        depth=number(item.get("messages_ready")),
        unacknowledged=number(item.get("messages_unacknowledged")),
        stored=number(item.get("messages")),
        stored_bytes=number(item.get("message_bytes")),
        consumers=number(item.get("consumers")),
        published=number(stats.get("publish", 0)),
        delivered=number(stats.get("deliver_get", 0)),
        redelivered=number(stats.get("redeliver", 0)),
        is_dead=is_dead(name, dead) or (vhost, name) in targets,
    )


def _dead_target(item: Json) -> tuple[str, str] | None:
    """Where a queue's dead letters go, if it names a queue: by way of the default exchange."""
    arguments = item.get("arguments")
    if not isinstance(arguments, Mapping) or arguments.get("x-dead-letter-exchange") != "":
        return None
    key = arguments.get("x-dead-letter-routing-key")
    return (str(item.get("vhost", "/")), key) if isinstance(key, str) else None


def _sample(figure: str, value: Any, labels: tuple[str, ...] = ()) -> Iterator[Sample]:
    if (found := number(value)) is not None:
        yield Sample(figure, found, labels)
