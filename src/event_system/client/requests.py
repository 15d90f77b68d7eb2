"""Requests to a node that are tried until they are answered, refused, or out of time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from event_system.client.answers import error_of
from event_system.client.options import ClientOptions
from event_system.client.retrying import Retries
from event_system.kernel.errors import EventSystemError, ServerUnreachableError

T = TypeVar("T")
TRANSPORT_FAULTS = (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError)


class FailedTryError(Exception):
    """One try failed with `error`; `answer` is None where none came that can be understood."""

    def __init__(self, error: EventSystemError, answer: httpx.Response | None = None) -> None:
        super().__init__(error.detail)
        self.error = error
        self.answer = answer


class Requests:
    """Asks one node. A request may reach it several times: only what bears that is asked."""

    def __init__(self, http: httpx.AsyncClient, url: str, options: ClientOptions) -> None:
        self.http = http
        self._url = url
        self._options = options
        self.timeout = options.timeout

    async def ask(
        self, method: str, path: str, understand: Callable[[httpx.Response], T], **request: Any
    ) -> T:
        """What `understand` makes of the successful answer.

        It raises `ServerUnreachableError` for an answer that cannot belong to the request,
        which is then asked again. Raises the node's error as its class here, and
        `ServerUnreachableError` where no answer came in time.
        """
        retries = self.retries()
        while True:
            try:
                return understand(await self._once(method, path, request))
            except ServerUnreachableError as error:
                await pause(retries, FailedTryError(error))
            except FailedTryError as failed:
                await pause(retries, failed)

    def retries(self) -> Retries:
        """The tries of a new request."""
        options = self._options
        return Retries(options.clock, options.random_bytes, options.retry_for)

    async def _once(self, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        try:
            answer = await self.http.request(method, path, **request)
        except TRANSPORT_FAULTS as error:
            raise self.lost(error) from error
        if not answer.is_success:
            raise FailedTryError(error_of(answer), answer)
        return answer

    def lost(self, error: Exception) -> FailedTryError:
        """The failed try for a fault of the connection."""
        return FailedTryError(unreachable(self._url, error))


def unreachable(url: str, error: Exception) -> ServerUnreachableError:
    return ServerUnreachableError(f"{url}: {str(error) or type(error).__name__}", where=url)


async def pause(retries: Retries, failed: FailedTryError) -> None:
    """Wait until the next try. Raises the error where there is to be none."""
    answer = failed.answer
    if answer is None:
        seconds = retries.pause()
    else:
        seconds = retries.pause(answer.status_code, answer.headers.get("retry-after"))
    if seconds is None:
        raise failed.error from failed
    await asyncio.sleep(seconds)
