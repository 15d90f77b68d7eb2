"""Events found by how listeners stand to them: as the view of each single event says it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.delivery import search
from event_system.events.event import Event, event_of
from event_system.events.listener import Listener
from event_system.events.ports import DeliveryFilter, DeliveryStatus, Filter
from event_system.events.registry import Registry
from event_system.events.retry import Retry
from event_system.events.where import parse_where
from event_system.kernel.errors import ListenerNotFoundError
from tests.support.delivery import Bench, feed
from tests.support.memory_history import found_by
from tests.support.memory_log import MemoryLog
from tests.support.rows import row
from tests.support.waiting import until

STATUSES: tuple[DeliveryStatus, ...] = ("handled", "pending", "skipped", "retrying", "dead")
LATER = Retry(attempts=4, base=600.0)
ONCE = Retry(attempts=1)
LOW = "event.data.n < 5"


def listener(name: str, *patterns: str, **options: Any) -> Listener:
    """One that fails for the events that name it."""

    def check(event: Event) -> None:
        if name in event.data["fails"]:
            raise ValueError(name)

    async def one(event: Event) -> None:
        check(event)

    async def many(events: list[Event], _transaction: Any) -> None:
        for event in events:
            check(event)

    handler = many if options.get("batch") else one
    chosen = {"patterns": patterns or (">",), "start": "beginning", "retry": ONCE, **options}
    return Listener(name=name, handler=handler, **chosen)


LISTENERS = (
    listener("parked", "player.*", retry=LATER),
    listener("mortal"),
    listener("strict", "player.login", "guild.>", retry=LATER, on_failure="block"),
    listener("picky", "player.>", filter=LOW),
    listener("board", batch=3, retry=LATER),
    listener("doomed", "guild.>", "*.login", batch=2, filter=LOW),
    listener("asleep"),
    listener("inline", "player.*", mode="sync", filter=LOW),
    listener("off", "guild.*"),
)
NAMES = [each.name for each in LISTENERS]


@dataclass(frozen=True)
class Plan:
    """An event to come."""

    type: str
    subject: str | None
    n: int
    fails: frozenset[str]

    async def happen(self, bench: Bench) -> None:
        number = bench.log.head + 1
        data = msgspec.json.encode({"n": self.n, "fails": sorted(self.fails)})
        members = {"type_": self.type, "subject": self.subject, "received_us": number}
        bench.log.submit([row(f"e{number}", data=data, **members)], lambda appended: None)  # type: ignore[arg-type]
        event = event_of(number, bench.log.rows[-1])
        await bench.sync.run(event, bench.registry.route(event.type).sync)


plans = st.builds(
    Plan,
    type=st.sampled_from(["player.login", "player.level_up", "guild.war"]),
    subject=st.sampled_from(["s0", "s1", "s2", None]),
    n=st.integers(0, 9),
    fails=st.frozensets(st.sampled_from(NAMES), max_size=4),
)
queries = st.sampled_from(
    [
        Filter(),
        Filter(pattern="player.login"),
        Filter(pattern="player.>", subject="s1"),
        Filter(since_us=5, until_us=20),
        Filter(where=parse_where(["data.n>=3"]), subject="s0"),
        Filter(source="nobody"),
    ]
)


@settings(max_examples=15, deadline=None)
@given(
    before=st.lists(plans, max_size=15),
    after=st.lists(plans, max_size=10),
    query=queries,
    limit=st.integers(1, 7),
    restart=st.booleans(),
    hasty=st.booleans(),
)
def test_a_status_finds_the_events_whose_view_says_so(
    before: list[Plan], after: list[Plan], query: Filter, limit: int, restart: bool, hasty: bool
) -> None:
    """Whatever a page's time, as every page goes on where the one before it ended."""

    async def check(directory: Path) -> None:
        log = MemoryLog()
        async with Bench(directory, log, LISTENERS) as bench:
            await _happen(bench, before)
            await bench.control.pause("asleep", time.time_ns() // 1000 + 10**9)
            await _happen(bench, after)
            bench.registry = Registry(each for each in LISTENERS if each.name != "off")
            bench.dispatcher.reconfigure(bench.registry)
            bench.history.stride = 2 if hasty else None
            await _compare(bench, query, limit)
        if restart:
            async with Bench(directory, log, LISTENERS[2:]) as bench:
                await until(lambda: _rests(bench))
                await _compare(bench, query, limit)

    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "PAGE_SECONDS", 0.0 if hasty else 60.0)
        asyncio.run(check(Path(directory)))


async def _happen(bench: Bench, plans: Iterable[Plan]) -> None:
    for plan in plans:
        await plan.happen(bench)
    await until(lambda: _rests(bench))


def _rests(bench: Bench) -> bool:
    """Whether nothing happens any more."""
    return all(
        subscription.paused or all(lane.idle or lane.due_us for lane in subscription.lanes.values())
        for subscription in bench.dispatcher.subscriptions.values()
    )


async def _compare(bench: Bench, query: Filter, limit: int) -> None:
    events = [event_of(offset, stored) for offset, stored in enumerate(bench.log.rows, 1)]
    wanted = [event for event in events if found_by(query, event)]
    seen = {
        event.offset: {(each.listener, each.state) for each in await bench.view.of(event)}
        for event in wanted
    }
    for status in STATUSES:
        for name in [*{each for pairs in seen.values() for each, _ in pairs}, None]:
            expected = [
                offset
                for offset, pairs in seen.items()
                if any(state == status and name in (None, each) for each, state in pairs)
            ]
            delivery = DeliveryFilter(status=status, listener=name)
            for newest_first in (False, True):
                found = await _all(bench, query, delivery, limit, newest_first=newest_first)
                assert found == sorted(expected, reverse=newest_first), (status, name)


async def _all(
    bench: Bench,
    query: Filter,
    delivery: DeliveryFilter,
    limit: int = 7,
    *,
    newest_first: bool = False,
) -> list[int]:
    found: list[int] = []
    cursor = None
    while True:
        page = await bench.view.find(
            query, delivery, limit=limit, newest_first=newest_first, cursor=cursor
        )
        assert len(page.events) <= limit
        found += [event.offset for event in page.events]
        if page.next is None:
            return found
        cursor = page.next


async def test_no_listener_of_that_name_is_an_error(tmp_path: Path) -> None:
    async with Bench(tmp_path, MemoryLog(), LISTENERS) as bench:
        with pytest.raises(ListenerNotFoundError) as caught:
            await _all(bench, Filter(), DeliveryFilter(status="dead", listener="Mortal"))

    assert caught.value.where == "listener"


async def test_failures_are_found_across_many_steps_without_reading_what_lies_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "STEP", 4)
    log = MemoryLog()
    async with Bench(tmp_path, log, [listener("mortal")]) as bench:
        feed(log, 200, data=b'{"fails":["mortal"]}')
        feed(log, 1, type_="rare", data=b'{"fails":["mortal"],"n":1}')
        feed(log, 200, data=b'{"fails":["mortal"]}')
        await until(lambda: _rests(bench))
        dead = DeliveryFilter(status="dead", listener="mortal")
        assert await _all(bench, Filter(), dead, 60) == list(range(1, 402))
        bench.history.looks = 0
        assert await _all(bench, Filter(pattern="rare"), dead) == [201]
        assert bench.history.looks <= 4
        other = Filter(pattern="rare", where=parse_where(["data.n=2"]))
        assert await _all(bench, other, dead) == []


async def test_what_has_recovered_is_no_failure_though_it_is_still_stored_as_one(
    tmp_path: Path,
) -> None:
    log = MemoryLog()
    async with Bench(tmp_path, log, [listener("mortal")]) as bench:
        feed(log, 2, data=b'{"fails":["mortal"]}')
        await until(lambda: not bench.dispatcher.failures and bool(bench.store.retries.counts))
        bench.dispatcher.failures["mortal", 1] = None
        assert await _all(bench, Filter(), DeliveryFilter(status="dead")) == [2]
        assert await _all(bench, Filter(), DeliveryFilter(status="handled")) == [1]


async def test_a_search_that_takes_long_goes_on_with_its_next_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PAGE_SECONDS", 0.0)
    log = MemoryLog()
    async with Bench(tmp_path, log, [listener("picky", filter=LOW)]) as bench:
        feed(log, 300, data=b'{"n":9,"fails":[]}')
        feed(log, 2, data=b'{"n":1,"fails":["picky"]}')
        await until(lambda: _rests(bench))
        handled = DeliveryFilter(status="handled")
        first = await bench.view.find(Filter(), handled, limit=9, newest_first=False, cursor=None)
        assert (first.events, first.next) == ([], 10)
        assert await _all(bench, Filter(), DeliveryFilter(status="dead")) == [301, 302]
