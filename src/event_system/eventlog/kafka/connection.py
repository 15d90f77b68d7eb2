"""The connection to the brokers, made again for as long as it takes.

One request is one try: what is to be tried again, and what then counts, is decided by those who
ask. So the producer and the consumer of the client library, which try again by themselves, are
not used, but the client below them.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from aiokafka import errors as kafka
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import create_conn
from aiokafka.protocol.metadata import MetadataRequest

from event_system.kernel.errors import BackboneRefusedError, BackboneUnreachableError

_REFUSALS = (
    kafka.AuthenticationFailedError,
    kafka.AuthenticationMethodNotSupported,
    kafka.ClusterAuthorizationFailedError,
    kafka.IllegalSaslStateError,
    kafka.IncompatibleBrokerVersion,
    kafka.SaslAuthenticationFailed,
    kafka.TopicAuthorizationFailedError,
    kafka.UnsupportedSaslMechanismError,
    ssl.SSLCertVerificationError,
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Access:
    """Hosts and ports of brokers, and as whom to come; `mechanism` is one of SASL's.

    A request is given up after `seconds`, a look for brokers that answer after twice as many.
    """

    servers: tuple[tuple[str, int], ...]
    name: str = "event-system"
    user: str | None = None
    password: str | None = None
    mechanism: str = "SCRAM-SHA-512"
    tls: ssl.SSLContext | None = None
    seconds: float = 2.0


class UnsupportedRequestError(BackboneRefusedError):
    """The brokers know no request of this kind."""


class Connection:
    """A client of the brokers. Every method raises `BackboneUnreachableError`.

    After a failure the next request begins with the addresses of the settings again: the brokers
    that are there then may be others. `BackboneRefusedError` is what they say to a stranger.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._client: Any = None
        self._beginning = asyncio.Lock()
        self._is_lost = False
        self._is_closed = False
        self._leaders: dict[str, int] = {}
        # It tells of every single try; this class of the first one that fails.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

    @property
    def timeout_ms(self) -> int:
        """After which a request is given up, on both sides."""
        return int(self._access.seconds * 1000)

    async def ask(self, request: Any) -> Any:
        """Any broker's answer."""
        return await self._sent(lambda client: client.get_random_node(), request)

    async def ask_controller(self, request: Any) -> Any:
        """The answer of the broker that may change topics."""

        def controller(client: Any) -> Any:
            found = client.cluster.controller
            return None if found is None else found.nodeId

        return await self._sent(controller, request)

    async def ask_leader(self, topic: str, request: Any) -> Any:
        """The answer of the broker that leads the topic's first partition."""
        if topic not in self._leaders:
            self._leaders[topic] = await self._leader(topic)
        return await self._sent(lambda _: self._leaders.get(topic), request)

    async def topic(self, topic: str) -> Any:
        """What the brokers say of a topic: error, name, whether it is theirs, partitions."""
        answer = await self.ask(MetadataRequest([topic], allow_auto_topic_creation=False))
        return answer.topics[0]

    def forget_leader(self, topic: str) -> None:
        """Look for it again with the next request: it says that it is none."""
        self._leaders.pop(topic, None)

    async def close(self) -> None:
        """Whoever asks afterwards is told that there is no answer. Idempotent."""
        self._is_closed = True
        await self._drop()

    async def _drop(self) -> None:
        client, self._client = self._client, None
        self._leaders.clear()
        if client is not None:
            await client.close()

    async def _leader(self, topic: str) -> int:
        _, _, _, partitions = await self.topic(topic)
        leaders = [leader for _, number, leader, *_ in partitions if number == 0]
        if not leaders or leaders[0] < 0:
            raise BackboneUnreachableError(f"the topic {topic!r} has no leader")
        return int(leaders[0])

    async def _sent(self, find: Callable[[Any], Any], request: Any) -> Any:
        client = await self._ready()
        if (node := find(client)) is None:
            await self._lose(client, "no broker for this request")
        try:
            answer = await client.send(node, request)
        except kafka.IncompatibleBrokerVersion as error:
            raise UnsupportedRequestError(_told(error), where="backbone") from error
        except (kafka.KafkaError, OSError, TimeoutError) as error:
            await self._lose(client, _told(error), error)
        finally:
            if self._client is not client:  # lost meanwhile, by another request
                await client.close()
        if self._is_lost:
            self._is_lost = False
            _log.info("connected to the backbone again")
        return answer

    async def _ready(self) -> Any:
        async with self._beginning:
            if self._client is None and not self._is_closed:
                self._client = await self._begun()
            if self._is_closed:
                await self._drop()
                raise BackboneUnreachableError("the connection to the backbone is closed")
            return self._client

    async def _begun(self) -> Any:
        """A client that knows the brokers."""
        client = AIOKafkaClient(
            bootstrap_servers=[_address(*server) for server in self._access.servers],
            **self._options(),
        )
        try:
            async with asyncio.timeout(2 * self._access.seconds):
                await client.bootstrap()
        except BaseException as error:
            await client.close()
            if isinstance(error, TimeoutError):
                raise BackboneUnreachableError("no broker of the backbone answers") from error
            if not isinstance(error, kafka.KafkaError | OSError):
                raise
            raise await self._reason() from error
        return client

    async def _reason(self) -> Exception:
        """Why there is no way to the first server: the client only says that there is none."""
        host, port = self._access.servers[0]
        server = _address(host, port)
        try:
            found = await create_conn(host, port, **self._options())
        except _REFUSALS as error:
            return BackboneRefusedError(f"{server} refuses: {_told(error)}", where="backbone")
        except (kafka.KafkaError, OSError, TimeoutError) as error:
            return BackboneUnreachableError(f"{server}: {_told(error)}")
        found.close()
        return BackboneUnreachableError(f"{server} does not say which brokers there are")

    def _options(self) -> dict[str, Any]:
        access = self._access
        protocol = "PLAINTEXT" if access.tls is None else "SSL"
        if access.user is not None:
            protocol = f"SASL_{protocol}"
        return {
            "client_id": access.name,
            "request_timeout_ms": self.timeout_ms,
            "security_protocol": protocol,
            "ssl_context": access.tls,
            "sasl_mechanism": access.mechanism,
            "sasl_plain_username": access.user,
            "sasl_plain_password": access.password,
        }

    async def _lose(self, client: Any, told: str, cause: Exception | None = None) -> NoReturn:
        """Begin anew with the next request."""
        if not self._is_lost:
            self._is_lost = True
            _log.warning("the connection to the backbone is lost: %s", told)
        if self._client is client:
            await self._drop()
        raise BackboneUnreachableError(f"the backbone does not answer: {told}") from cause


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _told(error: BaseException) -> str:
    return str(error)[:300] or type(error).__name__
