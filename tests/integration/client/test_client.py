from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from event_system.client import ClientOptions, EventClient, Gap
from event_system.events.event import Event, event_of
from event_system.events.listener import Listener
from event_system.events.ports import DeliveryFilter, Filter
from event_system.kernel.errors import (
    ClientClosedError,
    EventSystemError,
    InvalidBatchError,
    InvalidEventError,
    RefusedError,
    ServerUnreachableError,
    StorageError,
    UnauthorizedError,
)
from tests.support.site import Site, serving

QUICK = {"random_bytes": bytes, "retry_for": 5.0}
"""No jitter means no pause: tries follow each other at once."""


def quick(**more: object) -> ClientOptions:
    return ClientOptions(**{**QUICK, **more})  # type: ignore[arg-type]


class Bad:
    """A way to the node on which the first answers are what a test wants."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self) -> httpx.AsyncBaseTransport:
        return _Way(self, httpx.AsyncHTTPTransport())


class _Way(httpx.AsyncBaseTransport):
    def __init__(self, bad: Bad, good: httpx.AsyncBaseTransport) -> None:
        self._bad = bad
        self._good = good

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._bad.asked += 1
        if not self._bad.answers:
            return await self._good.handle_async_request(request)
        answer = self._bad.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        await self._good.aclose()


async def test_an_event_is_triggered_and_durable(site: Site) -> None:
    async with EventClient(site.url, source="shop") as client:
        receipt = await client.trigger("order.paid", {"sum": 3}, subject="o-1", id="x")
        again = await client.trigger("order.paid", {"sum": 3}, subject="o-1", id="x")

    (row,) = site.log.rows
    assert (row[5], row[6], row[7], row[8], row[14]) == (
        *("order.paid", "shop", "x", "o-1"),
        b'{"sum":3}',
    )
    assert (receipt.id, receipt.offset, receipt.duplicate) == ("x", 1, False)
    assert (again.offset, again.duplicate) == (1, True)


async def test_what_sync_listeners_say_is_in_the_receipt() -> None:
    async def greet(event: Event) -> str:
        return f"Hello, {event.subject}!"

    listener = Listener(name="greet", patterns=("player.login",), handler=greet, mode="sync")
    async with serving(Site([listener])) as site, EventClient(site.url) as client:
        receipt = await client.trigger("player.login", subject="Mo")

    assert receipt.results[0].result == "Hello, Mo!"


async def test_bytes_and_extensions_arrive(site: Site) -> None:
    async with EventClient(site.url, source="camera") as client:
        await client.trigger(
            "shot.taken", b"\x89", datacontenttype="image/png", extensions={"region": "eu"}
        )

    event = event_of(1, site.log.rows[0])
    assert (event.data, event.media_type, event.extensions) == (
        *(b"\x89", "image/png"),
        {"region": "eu"},
    )


async def test_buffered_events_are_stored_in_their_order(site: Site) -> None:
    async with EventClient(site.url, source="game") as client:
        receipts = [await client.send("tick", n, subject="s") for n in range(1_200)]
        await client.flush()
        assert all(receipt.done() for receipt in receipts)

    assert [row[14] for row in site.log.rows] == [b"%d" % n for n in range(1_200)]
    assert [receipt.result().offset for receipt in receipts] == list(range(1, 1_201))


async def test_leaving_the_client_sends_what_is_buffered(site: Site) -> None:
    async with EventClient(site.url, options=quick(linger=60.0)) as client:
        await client.send("tick")

    assert len(site.log.rows) == 1


async def test_a_bad_event_fails_alone(site: Site) -> None:
    async with EventClient(site.url) as client:
        receipts = [await client.send(type_) for type_ in ("good", "not a type", "good")]
        await client.flush()

    refused = receipts[1].exception()
    assert isinstance(refused, InvalidEventError)
    assert (refused.code, refused.where) == ("event.invalid", "$.type")
    assert [receipts[n].result().offset for n in (0, 2)] == [1, 2]


async def test_a_batch_is_one_transaction(site: Site) -> None:
    events = [{"type": "a"}, {"type": "not a type"}, {"type": "b", "id": "mine"}]
    async with EventClient(site.url) as client:
        with pytest.raises(InvalidBatchError) as refused:
            await client.batch(events)
        assert site.log.rows == []
        partly = await client.batch(events, partial=True)

    assert [fault.index for fault in refused.value.faults] == [1]
    assert [fault.index for fault in partly.faults] == [1]
    assert (partly.accepted, partly.events[1].id) == (2, "mine")


def gone() -> httpx.ReadError:
    return httpx.ReadError("gone")


PASSING: dict[str, Callable[[], httpx.Response | Exception]] = {
    "connection lost": gone,
    "nobody there": lambda: httpx.ConnectError("refused"),
    "too slow": lambda: httpx.ReadTimeout("slow"),
    "full": lambda: httpx.Response(503, json={"code": "node.unavailable", "detail": "full"}),
    "too fast": lambda: httpx.Response(429, json={"code": "rate.limited", "detail": "slower"}),
    "a proxy's page": lambda: httpx.Response(502, text="<html>"),
    "another service": lambda: httpx.Response(200, text="<html>"),
    "another shape": lambda: httpx.Response(200, json={"offset": 1}),
    "another one's answer": lambda: httpx.Response(200, json={"id": "other", "offset": 7}),
}


@pytest.mark.parametrize("failing", PASSING.values(), ids=PASSING)
async def test_what_passes_is_tried_again(
    site: Site, failing: Callable[[], httpx.Response | Exception]
) -> None:
    bad = Bad(failing(), failing())
    async with EventClient(site.url, options=quick(transport=bad)) as client:
        receipt = await client.trigger("a")
        buffered = await client.send("b")
        await client.flush()

    assert bad.asked == 4
    assert [receipt.offset, buffered.result().offset] == [1, 2]


async def test_an_answer_that_got_lost_does_not_store_the_event_twice(site: Site) -> None:
    class Deaf(httpx.AsyncHTTPTransport):
        calls = 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await super().handle_async_request(request)
            Deaf.calls += 1
            if Deaf.calls % 2:
                await answer.aclose()
                raise gone()
            return answer

    async with EventClient(site.url, options=quick(transport=Deaf)) as client:
        receipt = await client.trigger("a")
        buffered = [await client.send("b") for _ in range(10)]
        await client.flush()

    assert (receipt.offset, receipt.duplicate) == (1, True)
    assert [each.result().offset for each in buffered] == list(range(2, 12))
    assert len(site.log.rows) == 11


async def test_a_refusal_is_told_at_once_with_its_code(site: Site) -> None:
    site.keys = {b"esk_1": "shop"}
    bad = Bad()
    async with EventClient(site.url, options=quick(transport=bad)) as client:
        with pytest.raises(UnauthorizedError) as refused:
            await client.trigger("a")

    assert refused.value.code == "auth.required"
    assert bad.asked == 1
    async with EventClient(site.url, key="esk_1") as client:
        await client.trigger("a")
    assert site.log.rows[0][6] == "shop"


async def test_a_refusal_that_a_newer_node_knows_is_told_all_the_same(site: Site) -> None:
    new = httpx.Response(422, json={"code": "moon.phase", "detail": "wrong moon"})
    async with EventClient(site.url, options=quick(transport=Bad(new))) as client:
        with pytest.raises(RefusedError, match=r"moon\.phase: wrong moon"):
            await client.trigger("a")


async def test_an_error_that_does_not_pass_is_told_in_the_end(site: Site) -> None:
    site.log.failure = StorageError()
    async with EventClient(site.url, options=ClientOptions(retry_for=0.3)) as client:
        with pytest.raises(StorageError):
            await client.trigger("a")
        receipt = await client.send("b")
        await client.flush()

    assert isinstance(receipt.exception(), StorageError)


async def test_a_node_that_is_not_there_is_told_with_its_address() -> None:
    async with EventClient("http://127.0.0.1:9", options=quick(retry_for=0.0)) as client:
        with pytest.raises(ServerUnreachableError, match=r"127\.0\.0\.1:9"):
            await client.trigger("a")


async def test_cancelling_one_trigger_does_not_break_the_others(site: Site) -> None:
    async with EventClient(site.url) as client:
        tasks = [asyncio.create_task(client.trigger("a", id=f"{n}")) for n in range(40)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert all(isinstance(each, asyncio.CancelledError) for each in outcomes[::2])
    stored = {row[7] for row in site.log.rows}
    assert {f"{n}" for n in range(1, 40, 2)} <= stored


async def test_a_client_that_is_not_open_says_so(site: Site) -> None:
    client = EventClient(site.url)
    with pytest.raises(ClientClosedError):
        await client.trigger("a")
    async with client:
        await client.trigger("a")
    await client.close()
    with pytest.raises(ClientClosedError):
        await client.send("a")


async def test_an_error_in_the_body_is_not_hidden_by_events_left_over() -> None:
    async def fail() -> None:
        options = quick(close_timeout=0.0)
        async with EventClient("http://127.0.0.1:9", options=options) as client:
            await client.send("a")
            raise KeyError

    with pytest.raises(KeyError):
        await fail()


async def test_the_past_is_read_page_by_page(site: Site) -> None:
    async with EventClient(site.url) as client:
        await client.batch([{"type": "a.b", "data": n} for n in range(1_100)])
        await client.trigger("c.d", subject="s")
        oldest = [event["data"] async for event in client.events(type="a.*")]
        newest = [event["offset"] async for event in client.events(order="newest")]
        mine = [event["type"] async for event in client.events(subject="s", since="-1h")]

    assert oldest == list(range(1_100))
    assert newest == list(range(1_101, 0, -1))
    assert mine == ["c.d"]


async def test_the_past_is_asked_for_by_what_became_of_deliveries(site: Site) -> None:
    async with EventClient(site.url) as client:
        await client.trigger("a", id="x")
        site.deliveries.found = await site.history.find(
            Filter(), limit=1, newest_first=True, cursor=None
        )
        found = [event["id"] async for event in client.events(status="dead", listener="greet")]

    assert found == ["x"]
    (asked,) = site.deliveries.asked
    assert asked[1] == DeliveryFilter(status="dead", listener="greet")


async def test_a_question_that_cannot_be_answered_is_refused(site: Site) -> None:
    async with EventClient(site.url) as client:
        with pytest.raises(EventSystemError) as refused:
            _ = [event async for event in client.events(since="yesterday")]

    assert (refused.value.code, refused.value.where) == ("query.invalid", "since")


async def test_the_stream_goes_on_after_a_lost_connection(site: Site) -> None:
    bad = Bad()
    async with EventClient(site.url, options=quick(transport=bad)) as client:
        await client.batch([{"type": "a", "data": n} for n in range(5)])
        seen: list[object] = []
        async for event in client.stream(after=0, type="a"):
            assert not isinstance(event, Gap)
            seen.append(event["data"])
            if len(seen) == 5:
                bad.answers = [gone()]
                port = site.server.port
                await site.server.stop(0.0)
                site.tail.closed = False
                await site.server.start("127.0.0.1", port)
                await client.batch([{"type": "a", "data": n} for n in range(5, 8)])
            if len(seen) == 8:
                break

    assert seen == list(range(8))
