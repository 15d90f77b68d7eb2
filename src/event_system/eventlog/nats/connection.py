"""The connection to the servers, made again for as long as it takes."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, MaxPayloadError

from event_system.kernel.errors import (
    BackboneRefusedError,
    BackboneTooLargeError,
    BackboneUnreachableError,
)

REQUEST_SECONDS = 2.0
CONNECT_SECONDS = 2.0
AGAIN_SECONDS = 0.25
PING_SECONDS = 1.0
"""A server that leaves two pings unanswered is left for another one."""

_REFUSALS = ("authorization", "authentication", "permissions", "account")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Access:
    """Where the servers are, and as whom to come."""

    urls: tuple[str, ...]
    name: str = "event-system"
    user: str | None = None
    password: str | None = None
    credentials: Path | None = None
    tls: ssl.SSLContext | None = None


class Connection:
    """One client of the servers. Every method raises `BackboneUnreachableError`.

    It goes from a server that is lost to another by itself. Nothing is held back for later while
    there is none: who has asked is told at once.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._client: Client | None = None
        self._trouble = "no answer yet"
        self._connecting = asyncio.Lock()
        self._is_closing = False

    @property
    def max_payload(self) -> int:
        """Bytes of a message, headers included, that the servers take."""
        return 0 if self._client is None else int(self._client.max_payload)

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        headers: Mapping[str, str] | None = None,
        seconds: float = REQUEST_SECONDS,
    ) -> Msg:
        client = await self._ready()
        given = dict(headers) if headers else None
        with _translated():
            return await client.request(subject, payload, timeout=seconds, headers=given)

    async def publish(self, subject: str, payload: bytes, headers: Mapping[str, str]) -> None:
        """Send what nobody answers."""
        client = await self._ready()
        with _translated():
            await client.publish(subject, payload, headers=dict(headers))

    async def collect(self, subject: str, payload: bytes, take: Callable[[Msg], bool]) -> None:
        """Send a request of several answers, and hand each to `take` until it says that is all.

        The answers have to come in one after the other without a pause of `REQUEST_SECONDS`.
        """
        client = await self._ready()
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        seen = loop.time()

        async def answered(message: Msg) -> None:
            nonlocal seen
            seen = loop.time()
            try:
                if not ended.done() and take(message):
                    ended.set_result(None)
            except Exception as error:  # noqa: BLE001 - it is the caller's
                ended.set_exception(error)

        with _translated():
            inbox = client.new_inbox()
            subscription = await client.subscribe(inbox, cb=answered)
            try:
                await client.publish(subject, payload, reply=inbox)
                while not ended.done():
                    left = seen + REQUEST_SECONDS - loop.time()
                    if left <= 0:
                        raise TimeoutError
                    await asyncio.wait([ended], timeout=left)
            finally:
                if not client.is_closed:
                    await subscription.unsubscribe()
            ended.result()

    async def close(self) -> None:
        """Idempotent."""
        self._is_closing = True
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _ready(self) -> Client:
        client = self._client
        if client is None or client.is_closed:
            async with self._connecting:
                if self._client is None or self._client.is_closed:
                    self._client = await self._connected()
                client = self._client
        if not client.is_connected:
            raise BackboneUnreachableError(f"no server of the backbone answers: {self._trouble}")
        return client

    async def _connected(self) -> Client:
        """A client that is connected. Raises `BackboneRefusedError` too."""
        client = Client()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect(**self._options())
        except BaseException as error:
            await client.close()
            if not isinstance(error, TimeoutError | OSError | Error):
                raise
            urls = ", ".join(self._access.urls)
            raise BackboneUnreachableError(f"{urls}: {self._trouble}") from error
        return client

    def _options(self) -> dict[str, Any]:
        access = self._access
        return {
            "servers": list(access.urls),
            "name": access.name,
            "user": access.user,
            "password": access.password,
            "user_credentials": None if access.credentials is None else str(access.credentials),
            "tls": access.tls,
            "connect_timeout": CONNECT_SECONDS,
            "reconnect_time_wait": AGAIN_SECONDS,
            "max_reconnect_attempts": -1,
            "ping_interval": PING_SECONDS,
            "max_outstanding_pings": 2,
            "pending_size": 0,
            "error_cb": self._failed,
            "disconnected_cb": self._disconnected,
            "reconnected_cb": self._reconnected,
        }

    async def _failed(self, error: Exception) -> None:
        """Note what went wrong; while it connects for the first time, a refusal ends that."""
        self._trouble = told = _told(error)
        if self._connecting.locked() and any(word in told.lower() for word in _REFUSALS):
            raise BackboneRefusedError(f"the servers refuse: {told}", where="backbone")

    async def _disconnected(self) -> None:
        if not self._is_closing:
            _log.warning("the connection to the backbone is lost: %s", self._trouble)

    async def _reconnected(self) -> None:
        _log.info("connected to the backbone again")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except MaxPayloadError as error:
        raise BackboneTooLargeError("an event is larger than max_payload of the servers") from error
    except (Error, OSError, TimeoutError) as error:
        raise BackboneUnreachableError(f"the backbone does not answer: {_told(error)}") from error


def _told(error: BaseException) -> str:
    return str(error)[:300] or type(error).__name__
