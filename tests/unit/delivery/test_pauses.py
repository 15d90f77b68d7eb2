from __future__ import annotations

from dataclasses import dataclass, field

from event_system.delivery.pauses import LONGEST_WAIT_SECONDS, Pauses
from event_system.testing import ManualClock


@dataclass
class MemoryPauses:
    """Implements `PauseStore`."""

    kept: dict[str, int] = field(default_factory=dict)

    async def load(self) -> dict[str, int]:
        return dict(self.kept)

    async def put(self, listener: str, until_us: int) -> None:
        self.kept[listener] = until_us

    async def drop(self, listener: str) -> None:
        self.kept.pop(listener, None)


class House:
    """Pauses over time that a test moves; `held` are the listeners that are paused."""

    def __init__(self, store: MemoryPauses | None = None) -> None:
        self.clock = ManualClock()
        self.set_by_us = 0
        self.store = store or MemoryPauses()
        self.held: set[str] = set()
        self.pauses = Pauses(self.store, self.clock.call_later, self.now_us, self._hold)

    def _hold(self, name: str, held: bool) -> None:
        (self.held.add if held else self.held.discard)(name)

    def now_us(self) -> int:
        return self.clock.now_us() + self.set_by_us

    def ahead(self, seconds: float) -> int:
        return self.now_us() + round(seconds * 1e6)

    def advance(self, seconds: float) -> None:
        """Let time pass second by second."""
        end = self.clock.now_us() + round(seconds * 1e6)
        while (now := self.clock.now_us()) < end:
            self.clock.move_to(min(end, now + 1_000_000))
            self.clock.run_due()


async def test_a_pause_ends_by_itself_at_its_deadline() -> None:
    house = House()
    await house.pauses.pause("a", house.ahead(3600))
    await house.pauses.pause("b", house.ahead(1800))

    house.advance(1799)
    assert house.held == {"a", "b"}
    house.advance(2)
    assert house.held == {"a"}
    house.advance(1800)
    assert house.held == set()
    assert house.clock.waiting == 0


async def test_a_second_pause_replaces_the_first_be_it_longer_or_shorter() -> None:
    house = House()
    await house.pauses.pause("a", house.ahead(10))
    await house.pauses.pause("a", house.ahead(100))
    house.advance(50)
    assert house.held == {"a"}
    await house.pauses.pause("a", house.ahead(5))
    house.advance(6)
    assert house.held == set()


async def test_resuming_ends_a_pause_for_good_and_is_harmless_without_one() -> None:
    house = House()
    await house.pauses.pause("a", house.ahead(10))
    await house.pauses.resume("a")
    await house.pauses.resume("never-paused")

    assert (house.held, house.store.kept, house.clock.waiting) == (set(), {}, 0)


async def test_a_restart_takes_pauses_up_and_ends_those_whose_deadline_passed_meanwhile() -> None:
    now_us = ManualClock().now_us()
    house = House(MemoryPauses({"over": now_us - 1, "on": now_us + 60_000_000}))
    await house.pauses.start()

    assert (house.held, set(house.store.kept)) == ({"on"}, {"on"})
    house.advance(61)
    assert house.held == set()


async def test_a_clock_that_is_set_forward_is_noticed_within_a_minute() -> None:
    house = House()
    await house.pauses.pause("a", house.ahead(86_400))
    house.set_by_us += 86_400_000_000
    house.advance(LONGEST_WAIT_SECONDS)

    assert house.held == set()


async def test_a_clock_that_is_set_back_makes_a_pause_longer_but_not_endless() -> None:
    house = House()
    await house.pauses.pause("a", house.ahead(10))
    house.set_by_us -= 3_600_000_000
    house.advance(60)
    assert house.held == {"a"}
    house.advance(3600)
    assert house.held == set()


async def test_one_timer_serves_all_pauses() -> None:
    house = House()
    for number in range(100):
        await house.pauses.pause(f"l{number}", house.ahead(number + 1))

    assert house.clock.waiting == 1
