"""Which records of a stream count, whatever comes late, twice or from others."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.eventlog.rabbitmq.counting import Counting
from event_system.eventlog.rabbitmq.wire import Record, decode, encode
from event_system.events.event import Row
from event_system.kernel.errors import BackboneMismatchError, StorageError
from tests.support.rows import row

LOG, OTHER = 7, 8


def record(expected: int, commit: str, *ids: str, previous: str = "", log: int = LOG) -> Record:
    return Record(log, expected, previous, commit, tuple(row(id_) for id_ in ids))


def read(counting: Counting, records: list[Record | None], start: int = 0) -> list[Row]:
    found: list[Row] = []
    for position, each in enumerate(records[start:], start):
        if (told := counting.read(position, each)) is not None:
            found += told.rows
    return found


def counted(stream: list[Record | None]) -> list[Row]:
    """What brokers that compare would have made of it."""
    events: list[Row] = []
    for each in stream:
        if each is not None and each.log == LOG and each.expected == len(events):
            events += each.rows
    return events


class Node:
    """Appends to a stream from what it has read of it, as far as that is."""

    def __init__(self, number: int) -> None:
        self.counting = Counting(LOG, 0, None)
        self.told: set[str] = set()
        self._number = number
        self._sent = 0
        self._read = 0

    def read_on(self, stream: list[Record | None]) -> None:
        while self._read < len(stream):
            found = self.counting.read(self._read, stream[self._read])
            self._read += 1
            if found is not None:
                self.told.add(found.commit)

    def made(self, size: int) -> Record:
        self._sent += 1
        sign = f"{self._number}.{self._sent}"
        ids = [f"{sign}.{n}" for n in range(size)]
        return record(self.counting.head, sign, *ids, previous=self.counting.commit)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reads"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("sends"), st.integers(0, 2), st.integers(1, 4)),
        st.tuples(st.just("sends"), st.integers(0, 2), st.integers(1, 4)),
        st.tuples(st.just("arrives"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("arrives twice"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("foreign"), st.integers(0, 1), st.just(0)),
    ),
    min_size=12,
    max_size=60,
)


@settings(max_examples=300)
@given(STEPS, st.data())
def test_all_come_to_the_same_events_wherever_they_begin(
    steps: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    """Records arrive late, in another order than they were sent, more than once, or never."""
    nodes = [Node(number) for number in range(3)]
    stream: list[Record | None] = []
    under_way: list[Record] = []
    for what, which, size in steps:
        if what == "reads":
            nodes[which].read_on(stream)
        elif what == "sends":
            under_way.append(nodes[which].made(size))
        elif what == "foreign":
            stream.append(None if which else record(0, "x", "y", log=OTHER))
        elif under_way:
            each = under_way[which % len(under_way)]
            stream.append(each)
            if what == "arrives":
                under_way.remove(each)
    for node in nodes:
        node.read_on(stream)

    whole = Counting(LOG, 0, None)
    events = read(whole, stream)
    assert events == counted(stream)
    assert whole.head == len(events)
    assert len({each[7] for each in events}) == len(events)
    assert all(node.counting.head == whole.head for node in nodes)
    assert (
        nodes[0].told
        == nodes[1].told
        == nodes[2].told
        == {each[7].rpartition(".")[0] for each in events}
    )
    if events:
        at = data.draw(st.integers(1, len(events)))
        first = Counting(LOG, 0, None)
        read(first, stream)
        place = first.place(at)
        assert place is not None
        later = Counting(LOG, at, place)
        assert read(later, stream, place) == events[at:]
        assert later.head == whole.head


def test_a_record_whose_predecessors_are_gone_is_refused() -> None:
    counting = Counting(LOG, 0, None)
    counting.read(0, record(0, "a", "1"))

    with pytest.raises(StorageError, match="lost events"):
        counting.read(1, record(2, "b", "3"))
    with pytest.raises(StorageError, match="lost events"):
        counting.read(1, record(1, "b", "2", previous="another"))
    assert counting.read(1, record(1, "b", "2", previous="a")) is not None


def test_tables_that_do_not_end_where_they_say_are_refused() -> None:
    for at, each in ((5, record(3, "a", "4")), (4, record(4, "a", "5")), (4, None)):
        with pytest.raises(BackboneMismatchError):
            Counting(LOG, 4, 4).read(at, each)
    with pytest.raises(BackboneMismatchError):
        Counting(LOG, 4, 4).read(4, record(1, "a", "2", "3"))


def test_those_of_other_logs_are_counted_and_nothing_else() -> None:
    counting = Counting(LOG, 0, None)

    assert read(counting, [None, record(0, "a", "1", log=OTHER), record(0, "", log=LOG)]) == []
    assert (counting.strangers, counting.head) == (2, 0)


def test_what_is_no_record_is_known_as_such() -> None:
    whole = record(3, "a", "4", "5", previous="b")

    assert decode(encode(whole)) == whole
    for payload in (b"", b"hello", encode([1, 2]), encode([*range(6)]), encode(whole)[:-1]):
        assert decode(payload) is None
