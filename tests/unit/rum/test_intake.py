"""Who may send beacons, how many, and what becomes of them."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.events.limits import Rate
from event_system.kernel.errors import BeaconLimitError, ForeignOriginError, InvalidBeaconError
from event_system.rum.intake import BeaconIntake, RumSettings, sender

PLENTY = Rate(1000.0, 1000)
HOST = {b"host": b"game.example"}


class TallySink:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.values: list[tuple[str, str, float]] = []
        self.counts: Counter[tuple[str, ...]] = Counter()

    def observe(self, measure: str, page: str, value: float) -> None:
        self.values.append((measure, page, value))

    def count(self, what: str, amount: int, *labels: str) -> None:
        self.counts[what, *labels] += amount


class Bench:
    """An intake whose clock a test moves."""

    def __init__(self, **changes: Any) -> None:
        self.now = 1000.0
        self.sink = TallySink()
        plain: dict[str, Any] = {"rate": PLENTY, "rate_per_address": PLENTY, "pages": ("/a",)}
        made = RumSettings(**{**plain, "features": {"chat"}, "goals": {"buy"}, **changes})
        self.intake = BeaconIntake(made, self.sink, lambda: self.now)

    def take(
        self,
        headers: dict[bytes, bytes] | None = None,
        address: str = "192.0.2.1",
        **members: Any,
    ) -> str | None:
        body = json.dumps({"page": "/a", **members}).encode()
        return self.intake.take({**HOST, **(headers or {})}, address, body)


def test_a_view_is_measured_and_counted_by_its_page() -> None:
    bench = Bench()

    bench.take(view=True, entry=True, load_ms=1500, cls=0.1, dwell_s=3, errors={"script": 2})

    assert sorted(bench.sink.values) == [
        ("cls", "/a", 0.1),
        ("dwell", "/a", 3.0),
        ("load", "/a", 1.5),
    ]
    assert bench.sink.counts == {
        ("beacons", "accepted"): 1,
        ("views", "/a"): 1,
        ("visits", "/a"): 1,
        ("errors", "/a", "script"): 2,
        ("failed_views", "/a"): 1,
    }


def test_what_happens_later_is_no_second_view() -> None:
    bench = Bench()

    bench.take(features={"chat": 2, "cheat": 1}, goals={"buy": 1}, load_ms=5)

    assert bench.sink.values == []
    assert bench.sink.counts == {
        ("beacons", "accepted"): 1,
        ("features", "chat"): 2,
        ("features", "other"): 1,
        ("goals", "buy"): 1,
    }


def test_a_visit_that_goes_on_counts_for_the_page_where_it_began() -> None:
    bench = Bench()

    bench.take(page="/elsewhere", view=True, continued="/a")

    assert bench.sink.counts["continued_visits", "/a"] == 1
    assert bench.sink.counts["views", "other"] == 1


@pytest.mark.parametrize("wish", [{b"dnt": b"1"}, {b"sec-gpc": b"1"}])
def test_nothing_is_kept_of_whoever_wants_not_to_be_measured(wish: dict[bytes, bytes]) -> None:
    bench = Bench()

    bench.take(wish, view=True, load_ms=5)

    assert bench.sink.values == []
    assert bench.sink.counts == {("beacons", "opted_out"): 1}


@pytest.mark.parametrize(
    ("origin", "origins", "told"),
    [
        (b"https://game.example", (), None),
        (b"https://play.example", ("https://play.example",), "https://play.example"),
        (b"https://play.example", ("*",), "https://play.example"),
        (b"null", ("*",), "null"),
    ],
)
def test_pages_of_this_site_and_of_those_named_may_send(
    origin: bytes, origins: tuple[str, ...], told: str | None
) -> None:
    assert Bench(origins=origins).take({b"origin": origin}) == told


@pytest.mark.parametrize("origin", [b"https://evil.example", b"null", b"", b"https://[", b"\xff"])
def test_pages_of_other_sites_may_not(origin: bytes) -> None:
    bench = Bench(origins=("https://play.example",))

    with pytest.raises(ForeignOriginError):
        bench.take({b"origin": origin})
    assert bench.sink.counts == {("beacons", "rum.origin"): 1}


def test_an_address_that_sends_too_much_is_refused_and_others_are_not() -> None:
    bench = Bench(rate_per_address=Rate(1.0, 2))

    for _ in range(2):
        bench.take()
    with pytest.raises(BeaconLimitError):
        bench.take()
    bench.take(address="192.0.2.2")
    bench.now += 1.0
    bench.take()

    assert bench.sink.counts["beacons", "accepted"] == 4


def test_many_addresses_together_have_a_limit_too() -> None:
    bench = Bench(rate=Rate(1.0, 3))
    for number in range(3):
        bench.take(address=f"192.0.2.{number}")

    with pytest.raises(BeaconLimitError) as caught:
        bench.take(address="192.0.2.99")

    assert caught.value.where == "rum.rate"


def test_what_is_no_beacon_is_counted_as_that() -> None:
    bench = Bench()

    with pytest.raises(InvalidBeaconError):
        bench.intake.take(HOST, "", b"x")
    assert bench.sink.counts == {("beacons", "rum.invalid"): 1}


def test_addresses_of_one_network_are_one_sender() -> None:
    assert sender("2001:db8::1") == sender("2001:db8::2:0:0:1")
    assert sender("2001:db8::1") != sender("2001:db8:0:1::1")
    assert sender("192.0.2.1") != sender("192.0.2.2")
    assert sender("") == ""


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), max_size=30))
def test_whatever_pages_and_names_are_told_labels_stay_few(words: list[str]) -> None:
    bench = Bench()
    for word in words:
        bench.take(page=f"/{word}", view=True, features={word or "x": 1}, goals={word or "x": 1})

    labels = {label for _, *some in bench.sink.counts for label in some}
    assert labels <= {"accepted", "/a", "other", "chat", "buy"}
