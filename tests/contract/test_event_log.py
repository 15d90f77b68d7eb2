"""What every `EventLog` promises of appending and reading, over each implementation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from event_system.events.event import Row, event_of
from event_system.events.ports import EventLog
from tests.support.logs import LOGS, Told, open_log
from tests.support.rows import row
from tests.support.sql import SharedDatabases


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(params=LOGS)
async def log(
    request: pytest.FixtureRequest, tmp_path: Path, databases: SharedDatabases, told: Told
) -> AsyncIterator[EventLog]:
    async with open_log(request.param, tmp_path, databases, told) as opened:
        yield opened


async def append(log: EventLog, *rows: Row) -> list[int]:
    done: asyncio.Future[Sequence[int]] = asyncio.get_running_loop().create_future()
    log.submit(rows, done.set_result)  # type: ignore[arg-type]  # an error fails the test too
    return list(await done)


async def test_offsets_grow_by_one_in_the_order_of_submission(log: EventLog, told: Told) -> None:
    answers = await asyncio.gather(*(append(log, row(f"{n}a"), row(f"{n}b")) for n in range(20)))

    assert answers == [[2 * n + 1, 2 * n + 2] for n in range(20)]
    assert log.head == 40
    assert told.offsets == list(range(1, 41))
    assert [stored[7] for commit in told.commits for stored in commit.rows][:4] == [
        *("0a", "0b", "1a", "1b")
    ]


async def test_what_was_told_can_be_read(log: EventLog) -> None:
    await append(log, row("a"), row("b", subject="s", data=b"[1]"))

    page = await log.read(0, 10)

    assert page.events == [
        event_of(1, row("a")),
        event_of(2, row("b", subject="s", data=b"[1]")),
    ]
    assert page.through == 2


async def test_the_same_event_is_stored_once(log: EventLog, told: Told) -> None:
    await append(log, row("a"), row("b"))

    assert await append(log, row("b"), row("c"), row("a"), row("c")) == [-2, 3, -1, -3]
    assert await append(log, row("a", source="other")) == [4]
    assert log.head == 4
    assert told.offsets == [1, 2, 3, 4]


async def test_twins_that_arrive_at_once_are_stored_once(log: EventLog) -> None:
    answers = await asyncio.gather(*(append(log, row("same")) for _ in range(30)))

    assert sorted(at for (at,) in answers) == [-1] * 29 + [1]
    assert answers[0] == [1]


async def test_names_differ_by_case_spaces_and_every_other_sign(log: EventLog) -> None:
    ids = [
        "a",
        "A",
        "a ",
        " a",
        "á",
        "a\u0301",
        "ß",
        "ss",
        "ﬀ",
        "😀",
        "a\u00a0",
        "\\",
        "'",
        '"',
        "%s",
    ]

    assert await append(log, *(row(id_) for id_ in ids)) == list(range(1, len(ids) + 1))
    assert [event.id for event in (await log.read(0, 100)).events] == ids
    assert await append(log, row("a "), row("A")) == [-3, -2]


async def test_every_member_comes_back_as_it_was(log: EventLog) -> None:
    rows: list[Row] = [
        (
            *(2**63 - 1, 2**63 - 1, 2**63 - 1, 2**63 - 1, 3, "a" * 255, "s" * 1024),
            *("i" * 300, "😀" * 1024, -62_135_596_800_000_000, 253_402_300_799_999_999),
            *("text/plain; charset=utf-8 ", "00-" + "a" * 32 + "-" + "b" * 16 + "-01"),
            *(b'{"x":"\\u0000"}', bytes(range(256)) * 8),
        ),
        (1, None, 2, 3, 0, "t", "s", "i", None, 0, 253_402_300_799_999_999, None, None, None, b""),
    ]
    await append(log, *rows)

    assert (await log.read(0, 10)).events == [event_of(1, rows[0]), event_of(2, rows[1])]


async def test_large_events_are_read_in_parts(log: EventLog) -> None:
    large = b"x" * 1_048_576
    for number in range(20):
        await append(log, row(f"e{number}", data=large))

    found, after = [], 0
    while after < 20:
        page = await log.read(after, 100)
        assert page.events
        found += [event.offset for event in page.events]
        assert all(event.raw == large for event in page.events)
        after = page.through
    assert found == list(range(1, 21))
    assert (await log.pick([20, 3]))[0].offset == 20


@pytest.mark.parametrize("lanes", [{0}, {1, 3}, {0, 1, 2, 3}, set()])
async def test_reading_lanes_leaves_the_others_out(log: EventLog, lanes: set[int]) -> None:
    rows = [row(f"e{n}", subject=f"s{n % 13}") for n in range(60)]
    await append(log, *rows)
    expected = [at for at, each in enumerate(rows, 1) if each[4] in lanes]

    found, after = [], 0
    while after < 60:
        page = await log.read(after, 7, frozenset(lanes))
        found += [event.offset for event in page.events]
        assert page.through > after
        after = page.through
    assert found == expected


async def test_reading_beyond_the_end_finds_nothing(log: EventLog) -> None:
    await append(log, row("a"))

    assert (await log.read(1, 10)).events == []
    assert (await log.read(5, 10)).through == 5


async def test_events_are_picked_in_the_order_asked_for(log: EventLog) -> None:
    await append(log, *(row(f"e{n}") for n in range(10)))

    picked = await log.pick([7, 2, 99, 0, 9])

    assert [event.offset for event in picked] == [7, 2, 9]
    assert await log.pick([]) == []


async def test_nothing_submitted_is_nothing_stored(log: EventLog, told: Told) -> None:
    assert await append(log) == []
    assert (log.head, told.offsets) == (0, [])


async def test_moments_of_receipt_grow_with_offsets(log: EventLog) -> None:
    """Whatever had to wait for something on its way counts as received when it came."""
    await append(log, row("a", received_us=50))
    await append(log, row("b", received_us=40))
    await append(log, row("c", received_us=30), row("d", received_us=30))
    await asyncio.gather(
        append(log, row("e", received_us=60)), append(log, row("f", received_us=55))
    )

    events = await log.pick(range(1, 7))

    assert [event.received_us for event in events] == [50, 50, 50, 50, 60, 60]
    assert await append(log, row("b", received_us=40)) == [-2]
