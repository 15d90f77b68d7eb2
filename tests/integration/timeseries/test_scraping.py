"""Scraping real HTTP servers: good ones, and those that fail in every way."""

from __future__ import annotations

import asyncio
import gzip
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from event_system.kernel.clock import SystemClock
from event_system.node.scrape_settings import AccessSettings
from event_system.node.time_series import login_of
from event_system.promql.ports import STALE
from event_system.timeseries.collection.jobs import Login, ScrapeJob
from event_system.timeseries.collection.own import OwnMetrics
from event_system.timeseries.collection.relabel import Relabel
from event_system.timeseries.collection.scraping import Scraper, TargetLoop
from event_system.timeseries.collection.views import FileTally
from event_system.timeseries.store import Store
from tests.support.series import ALL, StoreClock, bits, labels, opened

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]
PATIENCE_SECONDS = 60.0


class Site:
    """An HTTP server that gives the answers of a list, one a request, the last again and again."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[str] = []
        self.address = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()  # the client has gone
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()
            self._tasks.discard(task)

    async def stop(self) -> None:
        while tasks := list(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    made = Site()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    made.address = f"{host}:{port}"
    try:
        yield made
    finally:
        server.close()
        await made.stop()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as made:
        yield made


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def target_of(store: Store, job: ScrapeJob, clock: StoreClock) -> AsyncIterator[TargetLoop]:
    scraper = Scraper([job], store, clock, FileTally())
    (target,) = scraper.targets
    try:
        yield target
    finally:
        await scraper.stop()


def job(site: Site) -> ScrapeJob:
    return ScrapeJob("j", (((site.address,), (("env", "x"),)),), timeout_seconds=PATIENCE_SECONDS)


def values(store: Store, name: str) -> dict[str, list[float]]:
    """The values of a metric, by the label `i` or the instance."""
    found = store.select([ALL], 0, 2**62, 10**9)
    chosen = [each for each in found if dict(each.labels)["__name__"] == name]
    return {dict(each.labels).get("i", ""): each.values.tolist() for each in chosen}


async def test_what_targets_say_is_stored_with_their_labels(tmp_path: Path, site: Site) -> None:
    clock = StoreClock()
    store = opened(tmp_path, clock)
    site.answers = [
        answer(b'# TYPE x gauge\nx{i="1"} 5\n'),
        answer(gzip.compress(b"x 7\n"), "Content-Encoding: gzip"),
    ]
    login = Login("Bearer secret")
    asked = replace(job(site), params=(("a", "b c"),), login=login, metrics_path="/m")

    async with target_of(store, asked, clock) as target:
        await target.scrape()
        clock.pass_ms(1000)
        await target.scrape()

    assert "GET /m?a=b+c HTTP/1.1" in site.requests[0]
    assert "authorization: Bearer secret" in site.requests[0].replace(
        "Authorization", "authorization"
    )
    assert target.status().health == "up"
    wanted = labels("x", i="1", env="x", instance=site.address, job="j")
    found = {each.labels: each.values for each in store.select([ALL], 0, 2**62, 10**6)}
    assert found[wanted].view(np.uint64).tolist() == [bits(5), bits(float(STALE))]
    assert values(store, "up") == {"": [1, 1]}
    assert values(store, "scrape_samples_scraped") == {"": [1, 1]}
    assert values(store, "scrape_series_added") == {"": [1, 1]}
    store.close()


async def _slow(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\nx 1\n")
    while True:
        writer.write(b"# still here\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def _hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _huge(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"# more and more\n" * 10_000)
        await writer.drain()


async def _round(writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"", "Location: /again", status="302 Found"))
    await writer.drain()


BAD: dict[str, tuple[Answer, str]] = {
    "an error": (answer(b"x 1\n", status="503 No"), "HTTP status 503"),
    "malformed": (answer(b"x 1\nnonsense\n"), "line 2"),
    "a page": (answer(b"<html>", "Content-Type: text/html"), "line 1"),
    "no text": (answer(b"\xff\xfe"), "no UTF-8"),
    "not whole": (answer(b"x 1\n", "Content-Type: application/openmetrics-text"), "# EOF"),
    "too many": (answer(b"".join(b"x%d 1\n" % n for n in range(11))), "over 10 samples"),
    "no gzip": (answer(b"x 1\n", "Content-Encoding: gzip"), "no gzip"),
    "another packing": (answer(b"x 1\n", "Content-Encoding: zstd"), "not asked for"),
    "no end of redirects": (_round, "HTTP status 302"),
    "huge": (_huge, "larger than 100000 bytes"),
    "a bomb": (
        answer(gzip.compress(b"#" * 10**7), "Content-Encoding: gzip"),
        "larger than 100000 bytes",
    ),
    "no HTTP": (b"hello\r\n\r\n", "Error"),
    "a length that lies": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx 1\n", "Error"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_answer_ends_all_series_and_is_told(
    tmp_path: Path, site: Site, kind: str
) -> None:
    clock = StoreClock()
    store = opened(tmp_path, clock)
    bad, said = BAD[kind]
    site.answers = [answer(b'x{i="1"} 5\n'), bad]

    async with target_of(
        store, replace(job(site), sample_limit=10, body_limit=100_000), clock
    ) as target:
        await target.scrape()
        clock.pass_ms(1000)
        await target.scrape()

    assert said in target.status().error
    assert target.status().health == "down"
    assert values(store, "up") == {"": [1, 0]}
    five, end = values(store, "x")["1"]
    assert five == 5
    assert math.isnan(end)
    store.close()


async def test_a_redirect_is_followed_whatever_it_carries(tmp_path: Path, site: Site) -> None:
    clock = StoreClock()
    store = opened(tmp_path, clock)
    carried = answer(b"no gzip", "Location: /m", "Content-Encoding: gzip", status="302 Found")
    site.answers = [carried, answer(gzip.compress(b"x 1\n"), "Content-Encoding: gzip")]

    async with target_of(store, job(site), clock) as target:
        await target.scrape()

    assert target.status().error == ""
    assert values(store, "x") == {"": [1]}
    store.close()


async def test_a_slow_target_is_given_up_at_its_timeout(tmp_path: Path, site: Site) -> None:
    clock = StoreClock()
    store = opened(tmp_path, clock)
    site.answers = [_slow]

    async with target_of(store, replace(job(site), timeout_seconds=0.2), clock) as target:
        await target.scrape()

    assert target.status().error == "no whole answer within 0.2 s"
    assert values(store, "up") == {"": [0]}
    store.close()


async def test_times_that_targets_give_count_unless_they_are_not_honoured(
    tmp_path: Path, site: Site
) -> None:
    clock = StoreClock()
    site.answers = [answer(f"x 5 {clock.ms - 5000}\n".encode()), answer(b"")]
    for honor, wanted in ((True, [clock.ms - 5000]), (False, [clock.ms, clock.ms + 1000])):
        now = StoreClock()
        store = opened(tmp_path / str(honor), now)
        site.answers = [answer(f"x 5 {clock.ms - 5000}\n".encode()), answer(b"")]
        async with target_of(store, replace(job(site), honor_timestamps=honor), now) as target:
            await target.scrape()
            now.pass_ms(1000)
            await target.scrape()
        (series,) = [
            each for each in store.select([ALL], 0, 2**62, 100) if ("__name__", "x") in each.labels
        ]
        assert series.times.tolist() == wanted
        store.close()


async def test_series_are_relabelled_before_they_are_stored(tmp_path: Path, site: Site) -> None:
    clock = StoreClock()
    store = opened(tmp_path, clock)
    site.answers = [answer(b'x{i="1"} 5\ngo_x 1\n')]
    rules = (Relabel("drop", ("__name__",), regex="go_.*"), Relabel("labeldrop", regex="env"))

    async with target_of(store, replace(job(site), metric_relabel=rules), clock) as target:
        await target.scrape()

    assert values(store, "go_x") == {}
    assert values(store, "x") == {"1": [5]}
    assert values(store, "scrape_samples_scraped") == {"": [2]}
    assert values(store, "scrape_samples_post_metric_relabeling") == {"": [1]}
    assert store.label_values("env", [ALL], 0, 2**62) == ["x"]  # of `up` and its like only
    store.close()


async def test_targets_are_scraped_again_and_again_each_by_itself(
    tmp_path: Path, site: Site
) -> None:
    """One answers, one hangs, one is not there: with the real clock, until the first has five."""
    store = Store(tmp_path, opened(tmp_path / "other").options, SystemClock())
    site.answers = [answer(b"x 1\n")]
    async with serving() as hanging:
        hanging.answers = [_hang]
        addresses = {"good": site.address, "slow": hanging.address, "gone": "127.0.0.1:1"}
        jobs = [
            replace(job(site), name=name, groups=(((address,), ()),), interval_seconds=0.05)
            for name, address in addresses.items()
        ]
        scraper = Scraper(jobs, store, SystemClock(), FileTally())
        scraper.start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(values(store, "x").get("", ())) < 5 or not scraper.statuses()[2].error:
                await asyncio.sleep(0.01)
        await scraper.stop()

    health = {status.pool: status.health for status in scraper.statuses()}
    assert health == {"good": "up", "slow": "unknown", "gone": "down"}
    store.close()


async def test_a_token_that_is_exchanged_counts_at_the_next_scrape(
    tmp_path: Path, site: Site
) -> None:
    clock, token = StoreClock(), tmp_path / "token"
    store = opened(tmp_path / "store", clock)
    site.answers = [answer(b"x 1\n")]
    token.write_text("one\n")
    access = AccessSettings.model_validate({"authorization": {"credentials_file": str(token)}})
    asked = replace(job(site), login=login_of(access))

    async with target_of(store, asked, clock) as target:
        await target.scrape()
        token.write_text("two\n")
        clock.pass_ms(1000)
        await target.scrape()
        token.unlink()
        clock.pass_ms(1000)
        await target.scrape()

    sent = [head.partition("uthorization: ")[2].partition("\r\n")[0] for head in site.requests]
    assert sent == ["Bearer one", "Bearer two"]
    assert (target.status().health, str(token) in target.status().error) == ("down", True)
    store.close()


async def test_the_nodes_own_metrics_are_stored_and_end(tmp_path: Path) -> None:
    clock = StoreClock()
    store = opened(tmp_path, clock)
    rows: list[tuple[tuple[str, tuple[tuple[str, str], ...]], float]] = [
        (("x", (("i", "1"),)), 1.0),
        (("x", (("i", "2"), ("job", "own"))), 2.0),
    ]
    with ThreadPoolExecutor(1) as threads:
        own = OwnMetrics(lambda: rows, {"job": "n", "instance": "me"}, store, clock, threads)

        await own.collect()
        clock.pass_ms(1000)
        del rows[1]
        await own.collect()

    assert values(store, "x")["1"] == [1, 1]
    two, end = values(store, "x")["2"]
    assert two == 2
    assert math.isnan(end)
    assert store.label_values("exported_job", [ALL], 0, 2**62) == ["own"]
    assert values(store, "up") == {"": [1, 1]}
    store.close()
