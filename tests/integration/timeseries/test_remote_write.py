"""Sending samples on to a receiver that takes them, refuses them, and is away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from event_system.metrics.manager import MetricsManager
from event_system.metrics.sending import register_batches, watch_sending
from event_system.node.configuration import load_settings
from event_system.node.scrape_settings import AccessSettings
from event_system.node.time_series import TimeSeries, login_of
from event_system.timeseries.remote.forwarding import Forwarding
from event_system.timeseries.remote.sending import Receiver, RemoteWriter
from event_system.timeseries.remote.wire import decoded
from tests.support.series import BASE_MS, StoreClock, contents, labels, opened
from tests.support.waiting import until

PATIENCE_SECONDS = 60.0


class Sink:
    """A receiver over HTTP that answers with the statuses of a list, then with 204."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.taken: list[float] = []
        self.refused = 0
        self.settled_bytes: list[int] = []
        self.authorizations: list[str] = []
        self._server: asyncio.Server | None = None
        self.url = ""

    async def __aenter__(self) -> Sink:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}/api/v1/write"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        body = await reader.readexactly(length)
        self.authorizations.append(head.partition("authorization: ")[2].partition("\r\n")[0])
        status = self.statuses.pop(0) if self.statuses else 204
        if status < 429:
            self.settled_bytes.append(length)
        if status == 204:
            self.taken += decoded(body).values.tolist()
        else:
            self.refused += 1
        answer = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        writer.write(answer.encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()


def writer_to(receiver: Receiver) -> RemoteWriter:
    return RemoteWriter(receiver, took=lambda seconds: None)


def put(writer: RemoteWriter, *values: float) -> None:
    count = len(values)
    writer.take([labels("x")] * count, np.full(count, BASE_MS), np.array(values))


async def test_samples_are_sent_in_order_and_again_after_failures() -> None:
    async with Sink(503, 429, 500) as sink:
        writer = writer_to(Receiver(sink.url, send_samples=3))
        writer.start()
        put(writer, *range(10))
        await until(lambda: writer.queued == 0)
        await writer.stop()

    assert sink.taken == list(range(10))
    assert sink.refused == 3
    assert (writer.tally.sent, writer.tally.dropped) == (10, 0)


async def test_what_is_refused_for_good_is_dropped_and_the_rest_goes_on() -> None:
    async with Sink(400) as sink:
        writer = writer_to(Receiver(sink.url, send_samples=2))
        writer.start()
        put(writer, 1, 2, 3, 4)
        await until(lambda: writer.queued == 0)
        await writer.stop()

    assert sink.taken == [3, 4]
    assert (writer.tally.sent, writer.tally.failed, writer.tally.dropped) == (2, 2, 0)


async def test_a_full_queue_drops_the_oldest() -> None:
    writer = writer_to(Receiver("http://127.0.0.1:1/", queue_samples=5, send_samples=2))
    put(writer, *range(9))  # it does not send yet

    assert writer.queued <= 5
    assert writer.tally.dropped == 9 - writer.queued
    async with Sink() as sink:
        writer.receiver = replace(writer.receiver, url=sink.url)
        writer.start()
        await writer.stop()
    assert sink.taken == list(range(9 - len(sink.taken), 9))


async def test_what_the_store_refuses_is_not_sent_on(tmp_path: Path) -> None:
    store = opened(tmp_path)
    writer = writer_to(Receiver("http://127.0.0.1:1/"))
    sink = Forwarding(store, [writer])
    round_ = ([labels("x")] * 3, np.array([BASE_MS, BASE_MS, BASE_MS - 1]), np.arange(3.0))

    assert [sink.append(*round_), sink.append(*round_)] == [1, 0]
    assert writer.queued == 1  # two nodes that send to each other come to an end
    store.close()


async def test_what_cannot_be_sent_at_all_is_dropped_and_the_rest_goes_on() -> None:
    async with Sink() as sink:
        writer = writer_to(Receiver(sink.url, send_samples=1))
        writer.start()
        writer.take([labels("x", a="\ud800")], np.array([BASE_MS]), np.array([1.0]))
        put(writer, 2)
        await until(lambda: writer.queued == 0)
        await writer.stop()

    assert sink.taken == [2]
    assert (writer.tally.sent, writer.tally.failed) == (1, 1)


async def test_a_token_of_the_address_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    writer = writer_to(Receiver("http://127.0.0.1:1/write?token=geheim"))
    writer.start()
    put(writer, 1)
    await until(lambda: bool(caplog.records))
    await writer.stop()

    assert "http://127.0.0.1:1/write takes no samples" in caplog.text
    assert "geheim" not in caplog.text


async def test_a_receiver_that_is_away_holds_up_nobody(tmp_path: Path) -> None:
    store = opened(tmp_path)
    writer = writer_to(Receiver("http://127.0.0.1:1/"))
    writer.start()
    sink = Forwarding(store, [writer])

    sink.append([labels("x")], np.array([BASE_MS]), np.array([1.0]))
    await asyncio.wait_for(writer.stop(), PATIENCE_SECONDS)

    assert labels("x") in contents(store)
    assert writer.queued == 1
    store.close()


async def test_a_token_that_is_exchanged_counts_at_the_next_attempt(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    access = AccessSettings.model_validate({"authorization": {"credentials_file": str(token)}})
    async with Sink() as sink:
        writer = writer_to(Receiver(sink.url, login_of(access), send_samples=1))
        writer.start()
        put(writer, 1)
        await until(lambda: sink.taken == [1])
        token.unlink()
        put(writer, 2)
        token.write_text("two\n")
        await until(lambda: sink.taken == [1, 2])
        await writer.stop()

    assert sink.authorizations == ["bearer one", "bearer two"]
    assert (writer.tally.sent, writer.tally.dropped) == (2, 0)


def told(manager: MetricsManager, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """The values of a metric of remote write, by labels."""
    wanted = f"prometheus_remote_storage_{name}"
    return {row: value for (found, row), value in manager.samples() if found == wanted}


async def test_metrics_tell_what_became_of_samples() -> None:
    """A batch is sent again twice, one is refused, one is taken, and one is still to be sent."""
    manager, place = MetricsManager(), ("a1b2c3", "http://there/write")
    async with Sink(503, 500, 204, 400) as sink:
        writer = RemoteWriter(
            Receiver(sink.url, queue_samples=8, send_samples=2), register_batches(manager)(place)
        )
        watch_sending(manager, {place: writer})
        put(writer, *range(10))  # it does not send yet, and has no room for two
        writer.start()
        await writer.stop()
        writer.take([labels("x")], np.array([BASE_MS + 5000]), np.array([1.0]))

    row = (("remote_name", "a1b2c3"), ("url", "http://there/write"))
    found = {
        name: told(manager, name)[row]
        for name in (
            *("samples_total", "samples_retried_total", "samples_failed_total"),
            *("samples_dropped_total", "samples_pending", "sent_batch_duration_seconds_count"),
            "queue_highest_sent_timestamp_seconds",
        )
    }
    assert found == {
        "samples_total": 12,
        "samples_retried_total": 4,
        "samples_failed_total": 2,
        "samples_dropped_total": 2,
        "samples_pending": 1,
        "sent_batch_duration_seconds_count": 4,
        "queue_highest_sent_timestamp_seconds": BASE_MS / 1000,
    }
    assert told(manager, "highest_timestamp_in_seconds") == {(): BASE_MS / 1000 + 5}
    assert told(manager, "bytes_total")[row] == sum(sink.settled_bytes)


async def test_each_receiver_of_a_node_has_metrics_without_what_its_address_keeps_secret(
    tmp_path: Path,
) -> None:
    urls = [f"http://127.0.0.1:1/write?token=geheim{number}" for number in range(2)]
    given = {"data_dir": str(tmp_path), "metrics.remote_write": [{"url": url} for url in urls]}
    manager = MetricsManager()
    series = await TimeSeries.open(load_settings(None, {}, given).settings, manager, StoreClock())
    series.sink.append([labels("x")], np.array([BASE_MS]), np.array([1.0]))

    pending = told(manager, "samples_pending")
    await series.close()

    assert list(pending.values()) == [1, 1]
    assert {dict(row)["url"] for row in pending} == {"http://127.0.0.1:1/write"}
