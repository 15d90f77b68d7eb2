"""The collectors of a node, put together: which servers, on which boards, how often."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TypedDict

from event_system.collectors import figures
from event_system.collectors.board import Board
from event_system.collectors.collector import ServerCollector
from event_system.collectors.ports import Reader
from event_system.metrics.collector import MetricsCollector
from event_system.metrics.manager import MetricsManager
from event_system.node.collector_settings import CollectorSettings
from event_system.node.settings import Settings
from event_system.redis.address import demand_client, place_of
from event_system.sql.dsn import Dsn, parse_dsn
from event_system.sql.extras import demand

DEADLINE = 3.0
"""In timeouts: a look, and what it may take to end one that hangs."""


class _OfBrokers(TypedDict):
    """What all readers of brokers take."""

    dead: Collection[str]
    timeout: float
    monotonic: Callable[[], float]


class Collecting:
    """The servers that a node reads. `join` what reads them, `close` once that has stopped.

    Raises `MissingDriverError` and `MissingRedisError` where a server is named whose client is
    not installed.
    """

    def __init__(
        self, settings: Settings, manager: MetricsManager, monotonic: Callable[[], float]
    ) -> None:
        self._manager = manager
        self._monotonic = monotonic
        self._settings = settings.metrics.collectors
        self.collectors = list(self._all(settings)) if "ops" in settings.node.roles else []

    def join(self, metrics: MetricsCollector) -> None:
        """Let all of them be read at their interval; each bounds its own time, well within the deadline."""
        for collector in self.collectors:
            metrics.add_collector(
                collector.collect,
                name=collector.name,
                interval_seconds=self._settings.interval.total_seconds(),
                deadline_seconds=DEADLINE * self._timeout,
            )

    async def close(self) -> None:
        for collector in self.collectors:
            await collector.close()

    def _all(self, settings: Settings) -> Iterator[ServerCollector]:
        yield from self._databases(_dsns(settings))
        yield from self._redises(_redis_urls(settings))
        yield from self._brokers(settings)

    def _databases(self, dsns: Mapping[str, Dsn]) -> Iterator[ServerCollector]:
        if not dsns:
            return
        board = Board(self._manager, figures.DATABASE_LABELS, figures.DATABASE)
        for place, dsn in dsns.items():
            demand(dsn.dialect)
            yield self._collector(
                board, self._database(dsn), figures.DATABASE_UP, dsn.dialect, place
            )

    def _database(self, dsn: Dsn) -> Reader:
        slow = self._settings.slow_query.total_seconds()
        if dsn.dialect == "postgresql":
            from event_system.collectors.postgresql import PostgresqlReader

            return PostgresqlReader(
                dsn, slow_seconds=slow, timeout=self._timeout, monotonic=self._monotonic
            )
        from event_system.collectors.mysql import MysqlReader

        return MysqlReader(dsn, slow_seconds=slow, timeout=self._timeout, monotonic=self._monotonic)

    def _redises(self, urls: Mapping[str, str]) -> Iterator[ServerCollector]:
        if not urls:
            return
        demand_client()
        from event_system.collectors.redis import RedisReader

        board = Board(self._manager, figures.REDIS_LABELS, figures.REDIS)
        for place, url in urls.items():
            reader = RedisReader(url, timeout=self._timeout, monotonic=self._monotonic)
            yield self._collector(board, reader, figures.REDIS_UP, place)

    def _brokers(self, settings: Settings) -> Iterator[ServerCollector]:
        given, backbone = self._settings, settings.backbone
        has_own = given.own and backbone.kind == "nats"
        if not (given.rabbitmq or given.nats or has_own):
            return
        board = Board(self._manager, figures.QUEUE_LABELS, figures.QUEUE)
        yield from self._named_brokers(board, given)
        if has_own:
            from event_system.collectors.jetstream import JetstreamReader
            from event_system.node.backbone import nats_options

            reader = JetstreamReader(nats_options(backbone), **self._of_brokers())
            yield self._collector(board, reader, figures.QUEUE_UP, "nats", ", ".join(backbone.urls))

    def _named_brokers(
        self, board: Board, settings: CollectorSettings
    ) -> Iterator[ServerCollector]:
        from event_system.collectors.nats import NatsReader
        from event_system.collectors.rabbitmq import RabbitmqReader
        from event_system.collectors.web import place_of as web_place

        kinds = (
            ("rabbitmq", RabbitmqReader, settings.rabbitmq),
            ("nats", NatsReader, settings.nats),
        )
        for broker, made, addresses in kinds:
            urls = [address.get_secret_value() for address in addresses]
            for place, url in {web_place(url): url for url in urls}.items():
                reader = made(url, **self._of_brokers())
                yield self._collector(board, reader, figures.QUEUE_UP, broker, place)

    def _of_brokers(self) -> _OfBrokers:
        return {
            "dead": self._settings.dead_letters,
            "timeout": self._timeout,
            "monotonic": self._monotonic,
        }

    def _collector(self, board: Board, reader: Reader, up: str, *server: str) -> ServerCollector:
        return ServerCollector(board, reader, up=up, server=server, timeout=self._timeout)

    @property
    def _timeout(self) -> float:
        return self._settings.timeout.total_seconds()


def _dsns(settings: Settings) -> dict[str, Dsn]:
    """The database servers to read, by how they are shown: each once."""
    given = settings.metrics.collectors
    own: Iterable[Dsn] = ()
    if given.own and settings.database.enabled:
        own = (settings.database.address, *settings.database.replica_addresses)
    named = [parse_dsn(each.get_secret_value()) for each in (*given.postgresql, *given.mysql)]
    return {_place(dsn): dsn for dsn in (*named, *own)}


def _place(dsn: Dsn) -> str:
    """Where a database is, without who asks."""
    host = f"[{dsn.host}]" if ":" in dsn.host else dsn.host
    return f"{dsn.socket or f'{host}:{dsn.port}'}/{dsn.database}"


def _redis_urls(settings: Settings) -> dict[str, str]:
    given, link = settings.metrics.collectors, settings.redis.link()
    own = [link.url] if given.own and link is not None else []
    urls = [*(url.get_secret_value() for url in given.redis), *own]
    return {place_of(url): url for url in urls}
