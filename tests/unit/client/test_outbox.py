from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from event_system.client.answers import BatchReceipt, Fault, Receipt
from event_system.client.drafts import Draft
from event_system.client.options import ClientOptions
from event_system.client.outbox import Outbox
from event_system.kernel.errors import (
    BatchTooLargeError,
    ClientClosedError,
    InvalidEventError,
    StorageError,
    UndeliveredError,
)


class Node:
    """Takes batches as a node does. While `gate` is closed it does not answer."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.asked: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self.bad: set[str] = set()
        self.most = 1_000

    async def post(self, drafts: Sequence[Draft]) -> BatchReceipt:
        self.asked.append(len(drafts))
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        if len(drafts) > self.most:
            raise BatchTooLargeError
        ids = [draft.id for draft in drafts]
        self.batches.append(ids)
        faults = [Fault(n, "event.invalid", "no") for n, id_ in enumerate(ids) if id_ in self.bad]
        stored = [Receipt(id_, int(id_)) for id_ in ids if id_ not in self.bad]
        return BatchReceipt(len(stored), 0, tuple(stored), tuple(faults))


@pytest.fixture
def node() -> Node:
    return Node()


def event(number: int, subject: str | None = None, size: int = 10) -> Draft:
    return Draft(str(number), subject, b"x" * size)


async def test_events_that_come_together_go_together(node: Node) -> None:
    outbox = Outbox(node.post, ClientOptions(batch_events=3))

    receipts = [await outbox.put(event(n)) for n in range(7)]
    await outbox.flush()

    assert node.batches == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    assert [receipt.result().offset for receipt in receipts] == list(range(7))
    await outbox.close(0)


async def test_an_event_goes_alone_after_a_while(node: Node) -> None:
    outbox = Outbox(node.post, ClientOptions(linger=0.001))

    receipt = await (await outbox.put(event(1)))

    assert (receipt.offset, node.batches) == (1, [["1"]])
    await outbox.close(0)


async def test_a_batch_has_no_more_bytes_than_it_may(node: Node) -> None:
    outbox = Outbox(node.post, ClientOptions(batch_bytes=100))

    for number, size in enumerate((60, 60, 40, 500, 1)):
        await outbox.put(event(number, size=size))
    await outbox.flush()

    assert node.batches == [["0"], ["1", "2"], ["3"], ["4"]]
    await outbox.close(0)


@pytest.mark.parametrize(
    "options",
    [
        ClientOptions(buffered_events=5, batch_events=5),
        ClientOptions(buffered_bytes=50, batch_events=5),
    ],
)
async def test_a_full_buffer_lets_nobody_in_until_a_batch_is_answered(
    node: Node, options: ClientOptions
) -> None:
    node.gate.clear()
    outbox = Outbox(node.post, options)
    for number in range(5):
        await outbox.put(event(number))

    waiting = [asyncio.create_task(outbox.put(event(5 + n))) for n in range(3)]
    await until_idle()
    assert not any(task.done() for task in waiting)
    node.gate.set()
    await asyncio.gather(*waiting)
    await outbox.flush()

    assert [id_ for batch in node.batches for id_ in batch] == [str(n) for n in range(8)]
    await outbox.close(0)


async def until_idle() -> None:
    """Let every task that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_event_larger_than_the_buffer_goes_alone(node: Node) -> None:
    outbox = Outbox(node.post, ClientOptions(buffered_bytes=50))

    await outbox.put(event(1, size=500))
    await outbox.put(event(2))
    await outbox.flush()

    assert node.batches == [["1"], ["2"]]
    await outbox.close(0)


async def test_a_subject_is_never_in_two_batches_at_once(node: Node) -> None:
    node.gate.clear()
    outbox = Outbox(node.post, ClientOptions(batch_events=2, max_in_flight=8))

    for number in range(6):
        await outbox.put(event(number, subject="one"))
    await until_idle()
    assert node.asked == [2]
    node.gate.set()
    await outbox.flush()

    assert node.batches == [["0", "1"], ["2", "3"], ["4", "5"]]
    await outbox.close(0)


async def test_other_subjects_go_at_the_same_time(node: Node) -> None:
    node.gate.clear()
    outbox = Outbox(node.post, ClientOptions(batch_events=1, max_in_flight=8))

    for number in range(40):
        await outbox.put(event(number, subject=f"s{number}"))
    await until_idle()

    assert len(node.asked) == 8
    node.gate.set()
    await outbox.close(10)


async def test_a_fault_reaches_its_own_event_only(node: Node) -> None:
    node.bad = {"1"}
    outbox = Outbox(node.post, ClientOptions())

    receipts = [await outbox.put(event(n)) for n in range(3)]
    await outbox.flush()

    assert isinstance(receipts[1].exception(), InvalidEventError)
    assert [receipts[n].result().offset for n in (0, 2)] == [0, 2]
    await outbox.close(0)


async def test_a_batch_that_fails_fails_its_events_and_no_later_ones(node: Node) -> None:
    outbox = Outbox(node.post, ClientOptions(batch_events=2))
    node.failure = StorageError()
    failed = [await outbox.put(event(n)) for n in range(2)]
    await outbox.flush()
    node.failure = None

    later = await (await outbox.put(event(2)))

    assert [type(receipt.exception()) for receipt in failed] == [StorageError] * 2
    assert later.offset == 2
    await outbox.close(0)


async def test_a_fault_of_the_program_reaches_those_who_wait(node: Node) -> None:
    outbox = Outbox(node.post, ClientOptions())
    node.failure = RuntimeError("nobody thought of this")
    lost = await outbox.put(event(1))
    await outbox.flush()
    node.failure = None
    later = await outbox.put(event(2))
    await outbox.flush()

    assert isinstance(lost.exception(), RuntimeError)
    assert later.result().offset == 2


async def test_a_node_that_takes_smaller_batches_gets_them(node: Node) -> None:
    node.most = 3
    outbox = Outbox(node.post, ClientOptions(batch_events=10))

    for number in range(10):
        await outbox.put(event(number))
    await outbox.flush()

    assert [id_ for batch in node.batches for id_ in batch] == [str(n) for n in range(10)]
    await outbox.close(0)


async def test_an_event_that_no_batch_can_hold_fails_alone(node: Node) -> None:
    node.most = 0
    outbox = Outbox(node.post, ClientOptions())

    receipt = await outbox.put(event(1))
    await outbox.flush()

    assert isinstance(receipt.exception(), BatchTooLargeError)
    await outbox.close(0)


async def test_who_stops_waiting_for_a_receipt_harms_nobody(node: Node) -> None:
    node.gate.clear()
    outbox = Outbox(node.post, ClientOptions(batch_events=3))
    receipts = [await outbox.put(event(n)) for n in range(3)]
    await until_idle()

    receipts[1].cancel()
    node.gate.set()
    await outbox.flush()

    assert node.batches == [["0", "1", "2"]]
    assert [receipts[n].result().offset for n in (0, 2)] == [0, 2]
    await outbox.close(0)


async def test_closing_sends_what_waits(node: Node) -> None:
    outbox = Outbox(node.post, ClientOptions(linger=60))
    receipt = await outbox.put(event(1))

    await outbox.close(10)

    assert receipt.result().offset == 1


async def test_closing_tells_what_could_not_be_delivered(node: Node) -> None:
    node.gate.clear()
    outbox = Outbox(node.post, ClientOptions(batch_events=2))
    receipts = [await outbox.put(event(n)) for n in range(3)]

    with pytest.raises(UndeliveredError) as undelivered:
        await outbox.close(0.01)

    assert undelivered.value.events == (b"x" * 10,) * 3
    assert {type(receipt.exception()) for receipt in receipts} == {UndeliveredError}


async def test_who_waits_for_room_is_told_that_the_client_closes(node: Node) -> None:
    node.gate.clear()
    outbox = Outbox(node.post, ClientOptions(buffered_events=1))
    await outbox.put(event(1))
    waiting = asyncio.create_task(outbox.put(event(2)))
    await until_idle()

    with pytest.raises(UndeliveredError):
        await outbox.close(0.01)

    with pytest.raises(ClientClosedError):
        await waiting


async def test_who_gives_up_waiting_for_room_leaves_the_way_free(node: Node) -> None:
    node.gate.clear()
    outbox = Outbox(node.post, ClientOptions(buffered_events=1))
    await outbox.put(event(1))
    first, second = (asyncio.create_task(outbox.put(event(n))) for n in (2, 3))
    await until_idle()

    first.cancel()
    node.gate.set()
    await second
    await outbox.flush()

    assert node.batches == [["1"], ["3"]]
    await outbox.close(0)
