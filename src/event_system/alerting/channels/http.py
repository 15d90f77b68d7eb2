"""HTTP for channels: one client for each, and errors that name no address."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec

from event_system.alerting.channels.connecting import HttpSettings
from event_system.alerting.secret import Secret
from event_system.kernel.errors import ChannelError
from event_system.kernel.threads import in_thread

USER_AGENT: Final = "Alertmanager/event-system"
MAX_ANSWER: Final = 65_536
MOST_REDIRECTS: Final = 10
MOST_WAIT_SECONDS: Final = 3_600.0
"""A receiver that asks for a longer pause is asked again after this one."""
_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; `wait_seconds` is what `Retry-After` says."""

    status: int
    body: bytes
    wait_seconds: float = 0.0

    @property
    def may_pass(self) -> bool:
        """Whether the same may be taken later."""
        return self.status >= _SERVER_ERRORS or self.status == _TOO_MANY

    def taken(self, place: str) -> bytes:
        """The body of a success. Raises `ChannelError`."""
        if not httpx.codes.is_success(self.status):
            told = f"{place} answered {self.status}"
            raise ChannelError(told, may_pass=self.may_pass, wait_seconds=self.wait_seconds)
        return self.body


class Http:
    """Requests of one channel."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def post_json(self, url: Secret, body: Any) -> bytes:
        """The body of the answer. Raises `ChannelError`."""
        return await self.post(url, msgspec.json.encode(body))

    async def post(self, url: Secret, content: bytes) -> bytes:
        """The same for what is JSON already."""
        return (await self.ask("POST", url, content)).taken(place_of(url))

    async def get(self, url: Secret) -> bytes:
        """The same of a GET."""
        return (await self.ask("GET", url)).taken(place_of(url))

    async def ask(
        self,
        method: str,
        url: Secret,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any answer, also one that is no success. Raises `ChannelError` where there is none."""
        kind = {} if content is None else {"content-type": "application/json"}
        try:
            client = await self._opened()
            request = client.build_request(
                method, url.reveal(), content=content, headers={**kind, **(headers or {})}
            )
            return await self._answer(client, request)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            told = type(error).__name__
            raise ChannelError(
                f"{place_of(url)} cannot be reached: {told}", may_pass=True
            ) from None

    async def _answer(self, client: httpx.AsyncClient, request: httpx.Request) -> Answer:
        """Redirects are followed here: httpx reads their bodies without a bound.

        Credentials do not go to another host.
        """
        auth: Any = self._basic_auth() or httpx.USE_CLIENT_DEFAULT
        for _ in range(MOST_REDIRECTS + 1):
            response = await client.send(request, stream=True, auth=auth)
            try:
                if response.next_request is None or not self._settings.follow_redirects:
                    body = await _bounded(response)
                    return Answer(response.status_code, body, _wait_seconds(response))
                request, auth = response.next_request, httpx.USE_CLIENT_DEFAULT
            finally:
                await response.aclose()
        raise httpx.TooManyRedirects("too many redirects", request=request)

    async def _opened(self) -> httpx.AsyncClient:
        """Opened at the first use."""
        async with self._opening:
            if self._client is None:
                self._client = await in_thread(self._made)
            return self._client

    def _made(self) -> httpx.AsyncClient:
        """In a thread: reading certificates takes tens of milliseconds."""
        load_httpx()
        proxy = self._settings.proxy_url
        return httpx.AsyncClient(
            headers=self._headers(),
            verify=self._settings.tls.context(),
            proxy=None if proxy is None else proxy.reveal(),
            timeout=httpx.Timeout(None),  # `Sender` bounds every attempt
            trust_env=False,
        )

    def _basic_auth(self) -> httpx.BasicAuth | None:
        given = self._settings.basic_auth
        return None if given is None else httpx.BasicAuth(given[0], given[1].reveal())

    def _headers(self) -> Mapping[str, str]:
        headers = {"user-agent": USER_AGENT, "accept-encoding": "identity"}
        if self._settings.authorization is not None:
            scheme, credentials = self._settings.authorization
            headers["authorization"] = f"{scheme} {credentials.reveal()}"
        return headers

    async def close(self) -> None:
        async with self._opening:
            client, self._client = self._client, None
        if client is not None:
            await client.aclose()


@cache
def load_httpx() -> None:
    """Load what httpx loads with its first request: for a thread, as that takes some 0.3 s."""
    asyncio.run(_ask_nobody())


async def _ask_nobody() -> None:
    no_certificates = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nobody = httpx.AsyncHTTPTransport(uds="/dev/null/nobody", verify=no_certificates)
    async with httpx.AsyncClient(transport=nobody) as client:
        with suppress(httpx.ConnectError):
            await client.get("http://nobody")


def _wait_seconds(response: httpx.Response) -> float:
    """RFC 9110, 10.2.3: seconds, or a date, which is compared with the answer's own."""
    given = response.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdecimal():
        return min(float(given[:9]), MOST_WAIT_SECONDS)
    until, now = _date(given), _date(response.headers.get("date", ""))
    if until is None or now is None:
        return 0.0
    return min(max((until - now).total_seconds(), 0.0), MOST_WAIT_SECONDS)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


async def _bounded(response: httpx.Response) -> bytes:
    """As much of the body as is looked at."""
    raw = b""
    async for part in response.aiter_raw():
        raw += part
        if len(raw) >= MAX_ANSWER:
            break
    return _unpacked(raw[:MAX_ANSWER], response.headers.get("content-encoding", "identity"))


def _unpacked(raw: bytes, encoding: str) -> bytes:
    """At most `MAX_ANSWER`. Empty for what we did not ask for and cannot read."""
    if encoding.lower() == "identity":
        return raw
    if encoding.lower() not in ("gzip", "x-gzip"):
        return b""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(raw, MAX_ANSWER)
    except zlib.error:
        return b""


def place_of(url: Secret) -> str:
    """Host and port: all of an address that may be told."""
    parts = urlsplit(url.reveal())
    return parts.netloc.rpartition("@")[2] or "the receiver"


def answered(body: bytes, place: str, code: str = "errcode", message: str = "errmsg") -> Any:
    """What a vendor answered as JSON with a code. Raises `ChannelError` where the code is not 0."""
    try:
        found = msgspec.json.decode(body)
        number = int(found.get(code, 0))
    except (ValueError, AttributeError, TypeError):
        raise ChannelError(f"{place} answered something else than it should") from None
    if number:
        told = str(found.get(message, ""))[:200]
        raise VendorRefusalError(f"{place} refused: {number} {told}", number)
    return found


class VendorRefusalError(ChannelError):
    """A vendor's own error code in an answer that is a success for HTTP."""

    def __init__(self, detail: str, number: int) -> None:
        super().__init__(detail)
        self.number = number
