from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.incidents.book import Book
from event_system.incidents.calls import Calls
from event_system.incidents.correlation import Rules, dependencies
from event_system.incidents.intake import Intake, Limits, Signal
from event_system.incidents.response import Response
from event_system.incidents.wording import because
from tests.support.incidents import PLAN, START, People, Phone, running, signal, with_topology

TOPOLOGY = {"api": ("database", "redis"), "database": ("disk",)}
RULES = Rules(labels=("service", "instance"), topology=TOPOLOGY)


def book_with(signals: Sequence[Signal], rules: Rules = RULES) -> Book:
    ids = iter(range(10**9))
    book = Book(rules, lambda: f"id-{next(ids)}")
    calls = Calls(book, PLAN, People(), Phone())
    response = Response(book, PLAN, calls)
    intake = Intake(book, response, rules, Limits(max_open=1000))
    for each in signals:
        intake.take([each], START)
    return book


def parts(book: Book) -> set[frozenset[str]]:
    return {frozenset(case.alerts) for case in book.open()}


ALERTS = st.lists(
    st.builds(
        lambda n, at, service, instance: signal(f"a{n}", at=at, service=service, instance=instance),
        st.integers(0, 20),
        st.integers(0, 1500),
        st.sampled_from(["api", "database", "redis", "disk", "mail", ""]),
        st.sampled_from(["one", "two", "three", "", "", ""]),
    ),
    max_size=20,
    unique_by=lambda each: each.fingerprint,
)


@settings(deadline=None, max_examples=200)
@given(ALERTS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(alerts: list[Signal], random: object) -> None:
    shuffled = list(alerts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert parts(book_with(alerts)) == parts(book_with(shuffled))


@settings(deadline=None)
@given(ALERTS)
def test_the_parts_are_those_of_all_pairs_that_are_neighbours(alerts: list[Signal]) -> None:
    groups = [{each.fingerprint} for each in alerts]
    by_id = {each.fingerprint: each for each in alerts}

    def near(one: Signal, other: Signal) -> bool:
        if abs(one.starts_us - other.starts_us) > RULES.window_us:
            return False
        a, b = one.labels, other.labels
        if any(a.get(name) and a.get(name) == b.get(name) for name in RULES.labels):
            return True
        depends = dependencies(TOPOLOGY)
        mine, others = a.get("service", ""), b.get("service", "")
        return others in depends.get(mine, ()) or mine in depends.get(others, ())

    for one in alerts:
        touching = [
            g for g in groups if any(near(one, by_id[f]) for f in g if f != one.fingerprint)
        ]
        mine = next(g for g in groups if one.fingerprint in g)
        united = set(mine).union(*touching)
        groups = [g for g in groups if not g & united] + [united]

    assert parts(book_with(alerts)) == {frozenset(g) for g in groups}


@settings(deadline=None)
@given(st.lists(st.tuples(ALERTS, st.booleans()), max_size=4))
def test_no_alert_is_in_two_open_incidents_and_none_is_lost(
    rounds: list[tuple[list[Signal], bool]],
) -> None:
    signals = [
        signal(each.fingerprint[3:], at=0, ends=2000) if is_end else each
        for alerts, is_end in rounds
        for each in alerts
    ]
    book = book_with(signals)
    held = [fingerprint for case in book.open() for fingerprint in case.alerts]
    began = {each.fingerprint for each in signals if not each.ends_us}
    firing = {f for case in book.open() for f, each in case.alerts.items() if each.fires}

    assert len(held) == len(set(held))
    assert set(held) == began
    assert firing == _never_ended(signals)
    assert all(case.firing == sum(m.fires for m in case.alerts.values()) for case in book.open())


def _never_ended(signals: Sequence[Signal]) -> set[str]:
    """Those whose end was not told after their beginning; all ends are later than beginnings."""
    firing: set[str] = set()
    ended: set[str] = set()
    for each in signals:
        if not each.ends_us and each.fingerprint not in ended:
            firing.add(each.fingerprint)
        elif each.ends_us and each.fingerprint in firing:
            firing.remove(each.fingerprint)
            ended.add(each.fingerprint)
    return firing


def test_what_depends_on_what_is_found_through_others_and_in_circles() -> None:
    found = dependencies({"a": ("b",), "b": ("c",), "c": ("a",)})

    assert found == {"a": {"b", "c"}, "b": {"a", "c"}, "c": {"a", "b"}}


async def test_slow_queries_timeouts_and_errors_are_one_incident() -> None:
    async with running(with_topology({"api": ("database",)})) as world:
        await world.fires(
            signal("SlowQueries", service="database", level="P2"),
            signal("ApiTimeouts", at=60, service="api"),
            signal("HighErrorRate", at=120, service="api", level="P1"),
        )
        (case,) = world.open_cases
        reasons = [because(each.reason) for each in case.alerts.values()]

    assert case.incident.level == "P1"
    assert case.incident.title == "ApiTimeouts is wrong"
    assert reasons == [
        "it opened the incident",
        "`api` depends on `database`, whose SlowQueries began 60 s apart",
        "`service=api` is shared with ApiTimeouts, 60 s apart",
    ]
    assert because(case.alerts["fp-ApiTimeouts"].reason, "zh").startswith("`api` 依赖 `database`")


@pytest.mark.parametrize(("apart", "number"), [(300, 1), (301, 2)])
async def test_alerts_belong_together_for_five_minutes(apart: int, number: int) -> None:
    async with running() as world:
        await world.fires(signal("A", service="api"), signal("B", at=apart, service="api"))

        assert len(world.open_cases) == number


async def test_an_alert_that_links_two_incidents_makes_one_of_them_unless_people_are_at_work() -> (
    None
):
    for is_touched, number in ((False, 1), (True, 2)):
        async with running() as world:
            one = await world.fires(signal("A", service="api"))
            await world.fires(signal("B", instance="i1"))
            if is_touched:
                await world.act(one, "acknowledge")
            await world.fires(signal("C", at=5, service="api", instance="i1"))

            assert len(world.open_cases) == number
            assert world.case_of("fp-C").incident.id == one.incident.id


async def test_more_incidents_than_may_be_open_lose_no_alert() -> None:
    async with running() as world:
        world.manager._intake._limits = Limits(max_open=3)
        await world.fires(*(signal(f"A{n}", at=n * 1000) for n in range(10)))
        held = [f for case in world.open_cases for f in case.alerts]

        assert len(world.open_cases) == 3
        assert len(held) == 10
        assert world.case_of("fp-A9").alerts["fp-A9"].reason.kind == "overflow"
