"""A Prometheus, or what speaks its API, as who answers the queries of rules."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx
import msgspec
import numpy as np

from event_system.kernel.errors import PromqlError
from event_system.promql.engine import Answer
from event_system.promql.numbers import number_of
from event_system.promql.ports import Labels, Samples, Series
from event_system.rules.ports import without_login

T = TypeVar("T")
THREADS: Final = 4
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one answer."""
REST_SECONDS: Final = 5.0
"""How long it is not asked again once it did not answer: so a group does not wait for each rule."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where it is. `verify` is how its certificate is checked."""

    url: str
    timeout_seconds: float
    verify: ssl.SSLContext | bool = True

    @property
    def shown(self) -> str:
        """Without user and password."""
        return without_login(self.url)


class _Row(msgspec.Struct, frozen=True):
    metric: dict[str, str] = {}
    value: tuple[float, str] | None = None


class _Data(msgspec.Struct, frozen=True):
    resultType: str  # noqa: N815 - the API's name
    result: msgspec.Raw


class _Answered(msgspec.Struct, frozen=True):
    status: str = ""
    data: _Data | None = None
    error: str = ""


class PrometheusQuestions:
    """Implements `Questions`. `close` at the end."""

    def __init__(self, address: Address, monotonic: Callable[[], float]) -> None:
        self._address = address
        self._monotonic = monotonic
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="query_url")
        self._client = httpx.Client(
            verify=address.verify, timeout=address.timeout_seconds, trust_env=False
        )
        self._silent_until = float("-inf")
        self._why = ""

    def close(self) -> None:
        """Ask no more; what is under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def ask(self, query: str, moment_ms: int) -> Answer:
        if self._monotonic() < self._silent_until:
            raise PromqlError(self._why)
        try:
            body = self._asked(query, moment_ms)
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:
            self._why = (
                f"{self._address.shown} does not answer: {str(error) or type(error).__name__}"
            )
            self._silent_until = self._monotonic() + REST_SECONDS
            raise PromqlError(self._why) from error
        return self._read(body, moment_ms)

    def _asked(self, query: str, moment_ms: int) -> bytes:
        asked = {
            "query": query,
            "time": f"{moment_ms / 1000:.3f}",
            "timeout": f"{self._address.timeout_seconds:g}s",
        }
        url = f"{self._address.url.rstrip('/')}/api/v1/query"
        body = bytearray()
        with self._client.stream("POST", url, data=asked) as response:
            for part in response.iter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise PromqlError(f"{self._address.shown} answers over {MOST_BYTES:,} bytes")
        return bytes(body)

    def _read(self, body: bytes, moment_ms: int) -> Answer:
        try:
            answered = msgspec.json.decode(body, type=_Answered)
            if answered.status != "success" or answered.data is None:
                why = answered.error or "no answer of a Prometheus"
                raise PromqlError(f"{self._address.shown}: {why[:500]}")
            return _answer(answered.data, moment_ms)
        except (msgspec.MsgspecError, ValueError) as error:
            told = f"{self._address.shown} answers what is none of a Prometheus: {error}"
            raise PromqlError(told) from error


def _answer(data: _Data, moment_ms: int) -> Answer:
    if data.resultType == "scalar":
        value = msgspec.json.decode(data.result, type=tuple[float, str])
        return Answer("scalar", Samples.of([_series((), value, moment_ms)]))
    if data.resultType != "vector":
        raise ValueError(f"the result is a {data.resultType[:80]}")
    rows: list[Any] = msgspec.json.decode(data.result, type=list[_Row])
    series = [
        _series(tuple(sorted(row.metric.items())), row.value, moment_ms)
        for row in rows
        if row.value is not None
    ]
    return Answer("vector", Samples.of(series))


def _series(labels: Labels, sample: tuple[float, str], moment_ms: int) -> Series:
    value = number_of(sample[1])
    if value is None:
        raise ValueError(f"{sample[1][:80]!r} is no number")
    return Series(labels, np.array([moment_ms], np.int64), np.array([value]))
