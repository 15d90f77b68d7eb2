"""The cache over a second level in memory: once, fresh, bounded, and alone where it must be."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.cache.cache import DETACHED_SECONDS, Cache, CacheOptions, Chance
from event_system.kernel.errors import RedisUnreachableError
from event_system.testing.clock import ManualClock
from tests.support.memory_remote import MemoryRemote

OPTIONS = CacheOptions()
NUMBERS = count(1)
"""Of caches, so that no two have the same name where they lock."""


class Source:
    """Where values are loaded from; `gate` holds a load up until it is set."""

    def __init__(self, value: Any = 1) -> None:
        self.value = value
        self.loads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> Any:
        self.loads += 1
        value = self.value
        await self.gate.wait()
        return value


def cache(
    clock: ManualClock, remote: MemoryRemote | None = None, options: CacheOptions = OPTIONS
) -> Cache:
    number = next(NUMBERS)
    made = Cache(options, Chance(clock, lambda size: number.to_bytes(size, "little")), remote)
    if remote is not None:
        remote.join(made)
    return made


def advance(clock: ManualClock, seconds: float) -> None:
    clock.move_to(clock.now_us() + int(seconds * 1e6))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_a_value_is_loaded_once_and_again_when_its_time_is_over(clock: ManualClock) -> None:
    mine, source = cache(clock), Source({"gold": 5})

    async def get() -> Any:
        return await mine.get_or_load("a", source, ttl=10)

    assert [await get(), await get()] == [{"gold": 5}] * 2
    assert source.loads == 1
    advance(clock, 11)
    assert await get() == {"gold": 5}
    assert source.loads == 2


async def test_a_hundred_at_once_load_once(clock: ManualClock) -> None:
    remote = MemoryRemote()
    mine, source = cache(clock, remote), Source()
    got = await asyncio.gather(*[mine.get_or_load("a", source) for _ in range(100)])

    assert (got, source.loads) == ([1] * 100, 1)
    assert (mine.numbers.misses, mine.numbers.loads) == (100, 1)


async def test_nodes_that_miss_at_once_wait_for_the_one_that_loads(clock: ManualClock) -> None:
    remote, source = MemoryRemote(), Source()
    nodes = [cache(clock, remote) for _ in range(3)]
    got = await asyncio.gather(*[node.get_or_load("a", source) for node in nodes * 5])

    assert (got, source.loads) == ([1] * 15, 1)
    assert remote.locks == {}


async def test_everybody_gets_a_copy(clock: ManualClock) -> None:
    mine, source = cache(clock), Source([1])
    first = await mine.get_or_load("a", source)
    first.append(2)

    assert await mine.get_or_load("a", source) == [1]
    assert source.value == [1]


async def test_a_failed_load_is_told_to_all_who_wait_and_not_kept(clock: ManualClock) -> None:
    remote = MemoryRemote()
    mine = cache(clock, remote)

    async def fail() -> int:
        raise LookupError("no such player")

    waiting = [mine.get_or_load("a", fail) for _ in range(3)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(result) for result in results] == ["no such player"] * 3
    assert await mine.get_or_load("a", Source(7)) == 7
    assert (mine.numbers.load_errors, remote.locks) == (1, {})


async def test_a_load_that_cannot_read_its_source_is_no_value_of_another_version(
    clock: ManualClock,
) -> None:
    mine = cache(clock)

    async def read() -> Player:
        return msgspec.json.decode(b'{"name": 5}', type=Player)

    with pytest.raises(msgspec.ValidationError):
        await mine.get_or_load("a", read, type=Player)
    assert mine.numbers.loads == 1


async def test_a_caller_that_gives_up_does_not_end_the_load_of_others(clock: ManualClock) -> None:
    mine, source = cache(clock), Source()
    source.gate.clear()
    first = asyncio.create_task(mine.get_or_load("a", source))
    second = asyncio.create_task(mine.get_or_load("a", source))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    source.gate.set()

    assert await second == 1
    assert source.loads == 1


async def test_that_there_is_no_value_is_remembered_for_a_shorter_time(clock: ManualClock) -> None:
    mine, source = cache(clock), Source(None)
    for _ in range(2):
        assert await mine.get_or_load("a", source, ttl=100) is None
    assert source.loads == 1
    advance(clock, OPTIONS.negative_ttl + 1)
    assert await mine.get_or_load("a", source, ttl=100) is None
    assert source.loads == 2

    forgetful = cache(clock, None, CacheOptions(negative_ttl=0))
    for _ in range(2):
        await forgetful.get_or_load("a", source)
    assert source.loads == 4


async def test_a_large_value_is_given_but_not_kept(clock: ManualClock) -> None:
    remote = MemoryRemote()
    mine, source = cache(clock, remote), Source("x" * OPTIONS.max_value_size)
    for _ in range(2):
        assert len(await mine.get_or_load("a", source)) == OPTIONS.max_value_size

    assert (source.loads, mine.numbers.oversized, len(mine.memory)) == (2, 2, 0)
    assert remote.bodies == {}


class Player(msgspec.Struct):
    name: str
    level: int = 1


async def test_a_value_has_its_type_and_one_of_another_version_is_loaded_again(
    clock: ManualClock,
) -> None:
    remote = MemoryRemote()
    old, new = cache(clock, remote), cache(clock, remote)
    await old.get_or_load("p", Source({"name": 5}))
    source = Source(Player("Mo", 3))

    for _ in range(2):
        assert await new.get_or_load("p", source, type=Player) == Player("Mo", 3)
    assert source.loads == 1
    assert await new.get_or_load("p", Source()) == {"name": "Mo", "level": 3}


async def test_what_the_server_has_spoiled_is_loaded_again(clock: ManualClock) -> None:
    remote, source = MemoryRemote(), Source()
    one, other = cache(clock, remote), cache(clock, remote)
    await one.get_or_load("a", source)
    remote.bodies["a"] = b"\xff\xff", 100.0

    assert await other.get_or_load("a", source) == 1
    assert source.loads == 2


# Invalidation


async def test_an_invalidated_tag_is_gone_on_all_nodes(clock: ManualClock) -> None:
    remote, source = MemoryRemote(), Source(1)
    nodes = [cache(clock, remote), cache(clock, remote)]
    for node in nodes:
        assert await node.get_or_load("a", source, tags=["player:1", "top"]) == 1
    other = Source(10)
    await nodes[0].get_or_load("b", other, tags=["player:2"])
    source.value = 2
    await nodes[0].invalidate("player:1")

    assert [await n.get_or_load("a", source, tags=["player:1", "top"]) for n in nodes] == [2, 2]
    assert await nodes[1].get_or_load("b", other, tags=["player:2"]) == 10
    assert (source.loads, other.loads) == (2, 1)
    await nodes[1].purge()
    await nodes[0].get_or_load("b", other, tags=["player:2"])
    assert other.loads == 2


@pytest.mark.parametrize("who", [0, 1], ids=["here", "elsewhere"])
async def test_a_load_that_an_invalidation_overtakes_is_not_kept(
    clock: ManualClock, who: int
) -> None:
    remote, source, later = MemoryRemote(), Source("old"), Source("new")
    nodes = [cache(clock, remote), cache(clock, remote)]
    source.gate.clear()
    early = asyncio.create_task(nodes[0].get_or_load("a", source, tags=["t"]))
    while not source.loads:
        await asyncio.sleep(0)
    await nodes[who].invalidate("t")
    remote.locks.clear()  # else the next would wait for the early one
    assert await nodes[0].get_or_load("a", later, tags=["t"]) == "new"
    source.gate.set()

    assert await early == "old"
    assert [await node.get_or_load("a", later, tags=["t"]) for node in nodes] == ["new"] * 2


async def test_without_the_server_memory_goes_on_and_an_invalidation_says_so(
    clock: ManualClock,
) -> None:
    remote, source = MemoryRemote(), Source(1)
    mine = cache(clock, remote)
    remote.usable = False
    for _ in range(2):
        assert await mine.get_or_load("a", source, tags=["t"]) == 1
    assert source.loads == 1
    source.value = 2
    with pytest.raises(RedisUnreachableError):
        await mine.invalidate("t")
    assert await mine.get_or_load("a", source, tags=["t"]) == 2


async def test_cut_off_memory_is_believed_for_seconds_and_emptied_at_the_return(
    clock: ManualClock,
) -> None:
    remote = MemoryRemote()
    mine, other = cache(clock, remote), cache(clock, remote)
    old, young = Source(1), Source(1)
    await mine.get_or_load("a", old, tags=["t"])
    mine.ears.cut()
    remote.told.remove(mine)
    await other.invalidate("t")
    assert await mine.get_or_load("a", old, tags=["t"]) == 1  # nobody has told
    assert old.loads == 1
    await mine.get_or_load("b", young)
    advance(clock, DETACHED_SECONDS + 0.1)
    await mine.get_or_load("a", old, tags=["t"])
    assert old.loads == 2

    remote.join(mine)
    assert len(mine.memory) == 0


@pytest.mark.parametrize(
    ("key", "tags"),
    [("", []), ("k" * 513, []), ("k", [""]), ("k", ["t" * 257]), ("k", map(str, range(33)))],
)
async def test_names_have_bounds(clock: ManualClock, key: str, tags: Any) -> None:
    with pytest.raises(ValueError, match=r"1 to|over"):
        await cache(clock).get_or_load(key, Source(), tags=tags)


async def test_what_cannot_be_written_is_told(clock: ManualClock) -> None:
    with pytest.raises(TypeError):
        await cache(clock).get_or_load("a", Source(object()))


TAGS = ["x", "y"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("get"), st.integers(0, 1), st.integers(0, 3)),
        st.tuples(st.just("invalidate"), st.integers(0, 1), st.sampled_from(TAGS)),
        st.tuples(st.just("change"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("advance"), st.integers(0, 90), st.just(0)),
        st.tuples(st.just("cut"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("lose"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@given(steps=STEPS)
def test_nobody_finds_what_was_loaded_before_its_tag_was_invalidated(
    steps: list[tuple[str, int, Any]],
) -> None:
    """Keys 0 to 3 have the tags of their bits. A node that is cut may lag by some seconds."""
    asyncio.run(_play(steps))


async def _play(steps: list[tuple[str, int, Any]]) -> None:
    clock, remote = ManualClock(), MemoryRemote()
    nodes = [cache(clock, remote), cache(clock, remote)]
    versions, oldest = [0] * 4, [0] * 4
    for what, number, more in steps:
        if what == "get":
            tags = [tag for bit, tag in enumerate(TAGS) if more >> bit & 1]

            async def load(key: int = more) -> int:
                return versions[key]

            got = await nodes[number].get_or_load(str(more), load, tags=tags, ttl=1000)
            assert oldest[more] <= got <= versions[more]
        elif what == "invalidate":
            await nodes[number].invalidate(more)
            for key in range(4):
                if key >> TAGS.index(more) & 1:
                    oldest[key] = versions[key]
        elif what == "change":
            versions[number] += 1
        elif what == "advance":
            advance(clock, number)
        elif what == "cut":  # and joined at once, so that it may have missed something
            nodes[number].ears.cut()
            nodes[number].ears.joined()
        else:  # the server was flushed
            remote.bodies.clear()
            remote.versions.clear()
