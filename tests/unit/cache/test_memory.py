from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from event_system.cache.memory import ENTRY_BYTES, Memory
from event_system.testing.clock import ManualClock

KEYS = st.sampled_from(["a", "b", "c", "d"])
TAGS = st.sets(st.sampled_from(["x", "y", "z"]))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.binary(max_size=3), st.integers(0, 5), TAGS),
        st.tuples(st.just("get"), KEYS),
        st.tuples(st.just("drop_tagged"), TAGS),
        st.tuples(st.just("advance"), st.integers(0, 3)),
        st.tuples(st.just("shorten"), st.integers(0, 3)),
        st.tuples(st.just("sweep")),
    ),
    max_size=60,
)


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(steps=STEPS)
def test_with_room_for_all_an_entry_is_there_until_its_time_or_a_tag_ends_it(
    steps: list[tuple[object, ...]],
) -> None:
    time = Time()
    memory = Memory(time, 100, 1_000_000)
    model: dict[object, tuple[object, float, set[str]]] = {}
    for name, *rest in steps:
        if name == "put":
            key, body, seconds, tags = rest
            model.pop(key, None)
            if seconds:
                model[key] = body, time.now + seconds, tags  # type: ignore[assignment,operator]
            memory.put(key, body, seconds, tags)  # type: ignore[arg-type]
        elif name == "drop_tagged":
            tags = rest[0]
            model = {k: e for k, e in model.items() if not e[2] & tags}  # type: ignore[operator]
            memory.drop_tagged(tags)  # type: ignore[arg-type]
        elif name == "advance":
            time.now += rest[0]  # type: ignore[operator]
        elif name == "shorten":
            end = time.now + rest[0]  # type: ignore[operator]
            model = {k: (b, min(u, end), t) for k, (b, u, t) in model.items()}
            memory.shorten(rest[0])  # type: ignore[arg-type]
        elif name == "sweep":
            memory.sweep()
            assert len(memory) == sum(until > time.now for _, until, _ in model.values())
        for key in ("a", "b", "c", "d"):
            kept = model.get(key)
            expected = kept[0] if kept and kept[1] > time.now else None
            assert memory.get(key) == expected
    memory.clear()
    assert (len(memory), memory.bytes) == (0, 0)


@given(
    puts=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 400), TAGS), max_size=60),
    most=st.integers(1, 8),
    room=st.integers(ENTRY_BYTES, 8 * ENTRY_BYTES),
)
def test_bounds_hold_and_what_was_used_last_stays(
    puts: list[tuple[int, int, set[str]]], most: int, room: int
) -> None:
    memory = Memory(Time(), most, room)
    for number, size, tags in puts:
        key = str(number)
        memory.put(key, bytes(size), 10.0, tags)
        assert len(memory) <= most
        assert memory.bytes <= room
        assert (memory.get(key) is not None) == (len(key) + size + ENTRY_BYTES <= room)


def test_reading_keeps_an_entry_from_being_pushed_out() -> None:
    memory = Memory(ManualClock().monotonic, 2, 1_000_000)
    for key in ("a", "b"):
        memory.put(key, b"", 1.0, ())
    memory.get("a")
    memory.put("c", b"", 1.0, ())

    assert [memory.get(key) for key in ("a", "b", "c")] == [b"", None, b""]
    assert memory.evicted == 1
