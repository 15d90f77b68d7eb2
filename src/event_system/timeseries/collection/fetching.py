"""Asking a target for its metrics: within its time, within its size."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx

from event_system.kernel.errors import ConfigurationError, ScrapeError
from event_system.kernel.unpacking import Unpacking
from event_system.timeseries.collection.jobs import Login, ScrapeJob, Target

ACCEPT: Final = (
    "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
USER_AGENT: Final = "event-system"
MOST_REDIRECTS: Final = 5
_MOST_CONNECTIONS: Final = 100


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a target answered."""

    text: str
    openmetrics: bool


def client_for(job: ScrapeJob) -> httpx.AsyncClient:
    """A client for the targets of a job. Raises `ScrapeError` where its files are not to be had."""
    headers = {"accept": ACCEPT, "accept-encoding": "gzip", "user-agent": USER_AGENT}
    return httpx.AsyncClient(
        headers=headers,
        verify=verified(job.login),
        timeout=None,  # noqa: S113 - the whole scrape has one
        trust_env=False,
        limits=httpx.Limits(max_connections=_MOST_CONNECTIONS),
    )


def verified(login: Login) -> ssl.SSLContext | bool:
    if login.insecure_skip_verify:
        return False
    if login.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=login.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ScrapeError(f"{login.ca_file}: {error}", where="tls_config.ca_file") from error


async def authorization(login: Login, threads: Executor) -> dict[str, str]:
    """The header of a request, read in a thread where it is in a file: that may have changed.

    Raises `ConfigurationError`.
    """
    header = login.header
    if login.read is not None:
        header = await asyncio.get_running_loop().run_in_executor(threads, login.read)
    return {} if header is None else {"authorization": header}


async def fetch(client: httpx.AsyncClient, target: Target, threads: Executor) -> Fetched:
    """Raises `ScrapeError` for whatever goes wrong."""
    job = target.job
    try:
        headers = await authorization(job.login, threads)
    except ConfigurationError as error:
        raise ScrapeError(error.detail) from error
    headers["x-prometheus-scrape-timeout-seconds"] = f"{job.timeout_seconds:g}"
    most = MOST_REDIRECTS if job.follow_redirects else 0
    try:
        async with (
            asyncio.timeout(job.timeout_seconds),
            _answer(
                client, client.build_request("GET", target.url, headers=headers), most
            ) as response,
        ):
            if response.status_code != 200:
                raise ScrapeError(f"the target answers with HTTP status {response.status_code}")
            body = await _body(response, job.body_limit)
            content_type = response.headers.get("content-type", "")
    except TimeoutError as error:
        raise ScrapeError(f"no whole answer within {job.timeout_seconds:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError, ValueError) as error:
        raise ScrapeError(f"{type(error).__name__}: {str(error)[:300]}") from error
    try:
        return Fetched(body.decode(), content_type.startswith("application/openmetrics-text"))
    except UnicodeDecodeError as error:
        raise ScrapeError(f"the answer is no UTF-8: {error.reason}") from error


@asynccontextmanager
async def _answer(
    client: httpx.AsyncClient, request: httpx.Request, redirects: int
) -> AsyncIterator[httpx.Response]:
    """The last answer. The client itself would read, and unpack, whatever a redirect carries."""
    for left in range(redirects, -1, -1):
        response = await client.send(request, stream=True)
        try:
            if response.next_request is None or not left:
                yield response
                return
            request = response.next_request
        finally:
            await response.aclose()


async def _body(response: httpx.Response, most: int) -> bytes:
    try:
        body = Unpacking(response.headers.get("content-encoding", ""), most)
        async for part in response.aiter_raw():
            body.feed(part)
        return body.whole()
    except ValueError as error:
        raise ScrapeError(str(error)) from error
